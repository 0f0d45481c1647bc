"""The programs of the stack: the servers, the keeper of the broker's topology, and the services."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from chassis.database.row_security import TENANT_SUFFIX
from chassis.password_from import with_password_from
from contracts.buckets import BUCKETS as BUCKETS
from stack import dashboard, monitoring
from stack.dashboard import DASHBOARD, DASHBOARD_OPERATIONS
from stack.layout import ROOT, Layout
from stack.nats_permissions import SERVICES, TOPOLOGY
from stack.nats_security import NatsSecurity
from stack.parts import (
    AlertmanagerPart,
    Command,
    FakeKubernetesPart,
    FakeProviderPart,
    FakeRunPodPart,
    NatsPart,
    Part,
    PostgresPart,
    PrometheusPart,
    S3Part,
    ValkeyPart,
)
from stack.parts.process import LOOPBACK
from stack.passwords import Passwords
from stack.private_files import write_private
from stack.provider import FAKE_KUBERNETES_PROGRAM, FAKE_PROGRAMS, FAKE_RUNPOD_PROGRAM, wanted_fake
from stack.replicas import replica_names
from stack.state import REST_SERVICE, ProgramState, listens_everywhere, operations_of, reachable_url

SERVERS = ("postgres", "nats", "valkey", "s3")
ALL = (*SERVERS, TOPOLOGY, *SERVICES)
# Ships what changes to where BRIGHTRUN_BACKUP_TO says (ops/backup).
BACKUP = "backup"
KNOWN = (*ALL, DASHBOARD, *FAKE_PROGRAMS.values(), BACKUP, *monitoring.PROGRAMS)
USES_VALKEY = ("job_api", "metrics_ingest")
USES_OBJECTS = ("job_api", "provisioner")
SERVICE_STOP_S = 12
# What a process of the stack may open at most (BRIGHTRUN_DATABASE_POOL_SIZE and so on) is far above what it uses.
CONNECTIONS_PER_REPLICA = 200
# With a second one to take over, a replica of the REST API serves on for so long while it closes its connections.
DRAIN_S = 2.0


def usual_programs() -> tuple[str, ...]:
    """What is started where nothing else is said."""
    wanted = {DASHBOARD: dashboard.is_installed()} | {
        program: fake == wanted_fake() for fake, program in FAKE_PROGRAMS.items()} | {
        BACKUP: bool(os.environ.get("BRIGHTRUN_BACKUP_TO"))}
    return (*ALL, *(name for name, is_wanted in wanted.items() if is_wanted), *monitoring.wanted_programs())


@dataclass(frozen=True)
class Program:
    """One supervised process. `group` members stop together; services stop before servers. `socket`: a listening
    address that it shares with the other replicas of its service, handed to each as its standard input."""

    name: str
    group: str
    command: Command
    stop_signal: str = "TERM"
    stop_wait_s: int = SERVICE_STOP_S
    host: str = LOOPBACK
    port: int = 0
    health: str = ""
    socket: str = ""

    def state(self, layout: Layout) -> ProgramState:
        log = str(layout.logs / f"{self.name}.log")
        return ProgramState(self.name, self.group.rstrip("s"), self.host, self.port, log, self.health)


@dataclass(frozen=True)
class Blueprint:
    """Everything needed to describe the programs of one stack."""

    layout: Layout
    ports: dict[str, int]
    passwords: Passwords
    security: NatsSecurity
    host: str = LOOPBACK
    selected: tuple[str, ...] = field(default=ALL)
    replicas: int = 1

    def parts(self) -> dict[str, Part]:
        data, ports, secret = self.layout.data, self.ports, self.passwords
        nats_config = self.security.server_config()
        parts: list[Part] = [
            PostgresPart(data / "pg", ports["postgres"], password=secret.postgres,
                         connections=CONNECTIONS_PER_REPLICA * self.replicas),
            NatsPart(data / "nats", ports["nats"], extra_config=nats_config),
            ValkeyPart(data / "valkey", ports["valkey"], password=secret.valkey),
            S3Part(
                data / "s3",
                ports["s3"],
                access_key=secret.s3_access_key,
                secret_key=secret.s3_secret_key,
            ),
            *self._fake_provider(),
            *self._monitoring(),
        ]
        return {part.name: part for part in parts if part.name in self.selected}

    def _fake_provider(self) -> list[FakeProviderPart]:
        environment = PYTHON | {"BRIGHTRUN_BASE_MODEL_DIR": self._base_model()}
        fakes: dict[str, type[FakeProviderPart]] = {
            FAKE_RUNPOD_PROGRAM: FakeRunPodPart, FAKE_KUBERNETES_PROGRAM: FakeKubernetesPart}
        homes = {FAKE_RUNPOD_PROGRAM: self.layout.runpod, FAKE_KUBERNETES_PROGRAM: self.layout.kubernetes}
        return [kind(homes[name], self.ports[name], pods_dir=self.layout.pods, environment=environment)
                for name, kind in fakes.items() if name in self.selected]

    def _monitoring(self) -> list[Part]:
        kinds = (PrometheusPart, AlertmanagerPart)
        return [kind(self.layout.data / kind.name, self.ports[kind.name]) for kind in kinds
                if kind.name in self.selected]

    def programs(self) -> list[Program]:
        servers = [
            Program(part.name, "servers", part.command(), part.stop_signal.name[3:], 20, port=part.port)
            for part in self.parts().values()
        ]
        services = [self._service(service, name) for service in SERVICES for name in self.replicas_of(service)]
        backup = [self._backup()] if BACKUP in self.selected else []
        page = [self._dashboard()] if DASHBOARD in self.selected else []
        return servers + [self._topology()] * (TOPOLOGY in self.selected) + services + page + backup

    def _topology(self) -> Program:
        """It tells metrics of streams. A stack that a release before started has no port for it."""
        port = self.ports.get(TOPOLOGY, 0)
        environment = self._nats_environment(TOPOLOGY) | PYTHON | {
            "BRIGHTRUN_HTTP_HOST": LOOPBACK, "BRIGHTRUN_HTTP_PORT": str(port)}
        command = Command([sys.executable, "-m", "chassis.topology", "--watch"], environment)
        return Program(TOPOLOGY, "services", command, stop_wait_s=3, port=port)

    def _backup(self) -> Program:
        """Finds databases, buckets and keys in the state itself; the rest is said by BRIGHTRUN_BACKUP_*."""
        port = self.ports[BACKUP]
        environment = PYTHON | {"BRIGHTRUN_DATA_DIR": str(self.layout.data), "BRIGHTRUN_HTTP_HOST": LOOPBACK,
                                "BRIGHTRUN_HTTP_PORT": str(port)}
        command = Command([sys.executable, "-m", "ops.backup", "watch"], environment)
        health = f"{reachable_url(LOOPBACK, port)}/health/ready"
        return Program(BACKUP, "services", command, port=port, health=health)

    def _dashboard(self) -> Program:
        """It knows the API's address and the key of its cookies, nothing else."""
        api_url = reachable_url(self.host, self.ports[REST_SERVICE])
        environment = PYTHON | dashboard.environment(api_url, self.host, self.ports, self.passwords.session)
        command = Command([sys.executable, "-m", f"services.{DASHBOARD}"], environment)
        health = f"{reachable_url(LOOPBACK, self.ports[DASHBOARD_OPERATIONS])}/health/ready"
        return Program(DASHBOARD, "services", command, host=self.host, port=self.ports[DASHBOARD], health=health)

    def replicas_of(self, service: str) -> tuple[str, ...]:
        """The names of its programs; none where it was not selected."""
        return replica_names(service, self.replicas) if service in self.selected else ()

    def _service(self, service: str, name: str) -> Program:
        rest = service == REST_SERVICE
        host, port = (self.host, self.ports[REST_SERVICE]) if rest else (LOOPBACK, self.ports[name])
        command = Command([sys.executable, "-m", f"services.{service}"], self.service_environment(service, name))
        health = f"{self._operations_url(service, name)}/health/ready"
        stop_wait_s = SERVICE_STOP_S + math.ceil(self._drain_s(service))
        socket = f"tcp://{host}:{port}" if self._shares(service) else ""
        return Program(name, "services", command, stop_wait_s=stop_wait_s, host=host, port=port, health=health,
                       socket=socket)

    def _shares(self, service: str) -> bool:
        """One REST port for all replicas; those of the other services have a port each."""
        return service == REST_SERVICE and self.replicas > 1

    def _drain_s(self, service: str) -> float:
        return float(os.environ.get("BRIGHTRUN_DRAIN_S") or (DRAIN_S if self._shares(service) else 0))

    def _operations_url(self, service: str, name: str) -> str:
        """Where health is told in words. A stack that the release before started has no such port."""
        if service != REST_SERVICE:
            return reachable_url(LOOPBACK, self.ports[name])
        if port := self.ports.get(operations_of(name)):
            return reachable_url(LOOPBACK, port)
        return reachable_url(self.host, self.ports[REST_SERVICE])

    def service_environment(self, name: str, replica: str = "") -> dict[str, str]:
        """What the service is told from outside; each gets only the passwords of what it uses. `replica`: the name of
        the program, where there are several."""
        port = self.ports[name if name == REST_SERVICE else replica or name]
        environment = {
            **PYTHON,
            **self._nats_environment(name),
            **self._database_environment(name),
            "BRIGHTRUN_HTTP_HOST": self.host if name == REST_SERVICE else LOOPBACK,
            "BRIGHTRUN_HTTP_PORT": str(port),
            "BRIGHTRUN_DATA_DIR": str(self.layout.data),
            "BRIGHTRUN_SHUTDOWN_GRACE_S": str(SERVICE_STOP_S - 4),
            "BRIGHTRUN_BASE_MODEL_DIR": self._base_model(),
        }
        for part in self._fake_provider():
            # Its pods are processes of this machine: they train the local base model.
            environment |= part.service_environment()
            environment["BASE_MODEL"] = os.environ.get("BASE_MODEL") or self._base_model()
        if name in USES_VALKEY:
            environment["BRIGHTRUN_REDIS_URL"] = f"redis://:{self.passwords.valkey}@{LOOPBACK}:{self.ports['valkey']}/0"
        if name in USES_OBJECTS:
            environment |= self._object_environment()
        if name == REST_SERVICE:
            environment |= self._rest_environment(replica or name)
        if name == "provisioner":
            environment |= self.security.provisioner_environment()
        return environment

    def _base_model(self) -> str:
        return os.environ.get("BRIGHTRUN_BASE_MODEL_DIR") or str(self.layout.base_model)

    def _rest_environment(self, replica: str) -> dict[str, str]:
        """Details are for this machine alone, wherever the API listens."""
        sharing = {"BRIGHTRUN_HTTP_FD": "0", "BRIGHTRUN_DRAIN_S": str(self._drain_s(REST_SERVICE))}
        return (sharing if self._shares(REST_SERVICE) else {}) | {
            "BRIGHTRUN_OPERATIONS_HOST": LOOPBACK,
            "BRIGHTRUN_OPERATIONS_PORT": str(self.ports.get(operations_of(replica), 0)),
            "BRIGHTRUN_DASHBOARD_URL": self._page_url(),
            "BRIGHTRUN_WEBHOOK_SECRET": os.environ.get("BRIGHTRUN_WEBHOOK_SECRET") or self.passwords.webhook,
        }

    def _page_url(self) -> str:
        """Of the web page, as browsers reach it. One that listens everywhere is reached by a name that only the
        outside knows: it is said, or `/` leads nowhere."""
        if told := os.environ.get("BRIGHTRUN_DASHBOARD_URL", ""):
            return told
        if DASHBOARD not in self.selected or listens_everywhere(self.host):
            return ""
        return reachable_url(self.host, self.ports[DASHBOARD])

    def write_addresses(self, service: str) -> None:
        """The files that the service reads at each new connection to its database."""
        for role, url in self._addresses(service).items():
            write_private(self._address_file(role), url + "\n")

    def _database_environment(self, service: str) -> dict[str, str]:
        urls = [with_password_from(url, self._address_file(role)) for role, url in self._addresses(service).items()]
        return dict(zip(("BRIGHTRUN_DATABASE_URL", "BRIGHTRUN_DATABASE_TENANT_URL"), urls, strict=True))

    def _addresses(self, service: str) -> dict[str, str]:
        """Role -> address, the service's own first."""
        return {service: self.database_url(service), f"{service}{TENANT_SUFFIX}": self._tenant_url(service)}

    def _address_file(self, role: str) -> Path:
        return self.layout.supervisor / "databases" / f"{role}.url"

    def database_url(self, name: str) -> str:
        return self._database_url(name, name, self.passwords.databases[name])

    def _tenant_url(self, name: str) -> str:
        return self._database_url(name, f"{name}{TENANT_SUFFIX}", self.passwords.tenants[name])

    def _database_url(self, name: str, role: str, password: str) -> str:
        return f"postgresql+asyncpg://{role}:{password}@{LOOPBACK}:{self.ports['postgres']}/{name}"

    def _nats_environment(self, user: str) -> dict[str, str]:
        return {
            "BRIGHTRUN_NATS_URL": f"nats://{LOOPBACK}:{self.ports['nats']}",
            "BRIGHTRUN_NATS_CREDS_FILE": str(self.security.creds_file(user)),
        }

    def _object_environment(self) -> dict[str, str]:
        return {
            "BRIGHTRUN_S3_ENDPOINT": f"http://{LOOPBACK}:{self.ports['s3']}",
            "BRIGHTRUN_S3_ACCESS_KEY": self.passwords.s3_access_key,
            "BRIGHTRUN_S3_SECRET_KEY": self.passwords.s3_secret_key,
        }


PYTHON = {
    "PYTHONPATH": os.pathsep.join(dict.fromkeys([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])),
    "PYTHONUNBUFFERED": "1",
    # Half of the idle memory of a small service are allocator arenas and threads of numeric libraries.
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
}
