"""The programs of the stack: the servers, the keeper of the broker's topology, and the services."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field

from chassis.database.row_security import TENANT_SUFFIX
from contracts.buckets import BUCKETS as BUCKETS
from stack.layout import ROOT, Layout
from stack.nats_permissions import SERVICES, TOPOLOGY
from stack.nats_security import NatsSecurity
from stack.parts import Command, FakeRunPodPart, NatsPart, Part, PostgresPart, S3Part, ValkeyPart
from stack.parts.process import LOOPBACK
from stack.passwords import Passwords
from stack.provider import FAKE_RUNPOD_PROGRAM, fake_runpod_is_wanted
from stack.state import OPERATIONS, REST_SERVICE, ProgramState, reachable_url

SERVERS = ("postgres", "nats", "valkey", "s3")
ALL = (*SERVERS, TOPOLOGY, *SERVICES)
KNOWN = (*ALL, FAKE_RUNPOD_PROGRAM)
USES_VALKEY = ("metrics_ingest",)
USES_OBJECTS = ("job_api", "provisioner")
SERVICE_STOP_S = 12


def usual_programs() -> tuple[str, ...]:
    """What is started where nothing else is said."""
    return KNOWN if fake_runpod_is_wanted() else ALL


@dataclass(frozen=True)
class Program:
    """One supervised process. `group` members stop together; services stop before servers."""

    name: str
    group: str
    command: Command
    stop_signal: str = "TERM"
    stop_wait_s: int = SERVICE_STOP_S
    host: str = LOOPBACK
    port: int = 0
    health: str = ""

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

    def parts(self) -> dict[str, Part]:
        data, ports, secret = self.layout.data, self.ports, self.passwords
        nats_config = self.security.server_config()
        parts: list[Part] = [
            PostgresPart(data / "pg", ports["postgres"], password=secret.postgres),
            NatsPart(data / "nats", ports["nats"], extra_config=nats_config),
            ValkeyPart(data / "valkey", ports["valkey"], password=secret.valkey),
            S3Part(
                data / "s3",
                ports["s3"],
                access_key=secret.s3_access_key,
                secret_key=secret.s3_secret_key,
            ),
            *self._fake_runpod(),
        ]
        return {part.name: part for part in parts if part.name in self.selected}

    def _fake_runpod(self) -> list[FakeRunPodPart]:
        if FAKE_RUNPOD_PROGRAM not in self.selected:
            return []
        environment = PYTHON | {"BRIGHTRUN_BASE_MODEL_DIR": self._base_model()}
        return [FakeRunPodPart(self.layout.runpod, self.ports[FAKE_RUNPOD_PROGRAM],
                               pods_dir=self.layout.pods, environment=environment)]

    def programs(self) -> list[Program]:
        servers = [
            Program(part.name, "servers", part.command(), part.stop_signal.name[3:], 20, port=part.port)
            for part in self.parts().values()
        ]
        services = [self._service(name) for name in SERVICES if name in self.selected]
        return servers + [self._topology()] * (TOPOLOGY in self.selected) + services

    def _topology(self) -> Program:
        environment = self._nats_environment(TOPOLOGY) | PYTHON
        command = Command([sys.executable, "-m", "chassis.topology", "--watch"], environment)
        return Program(TOPOLOGY, "services", command, stop_wait_s=3)

    def _service(self, name: str) -> Program:
        host = self.host if name == REST_SERVICE else LOOPBACK
        command = Command([sys.executable, "-m", f"services.{name}"], self.service_environment(name))
        health = f"{self._operations_url(name)}/health/ready"
        return Program(name, "services", command, host=host, port=self.ports[name], health=health)

    def _operations_url(self, name: str) -> str:
        """Where health is told in words. A stack that the release before started has no such port."""
        if name != REST_SERVICE:
            return reachable_url(LOOPBACK, self.ports[name])
        if port := self.ports.get(OPERATIONS):
            return reachable_url(LOOPBACK, port)
        return reachable_url(self.host, self.ports[name])

    def service_environment(self, name: str) -> dict[str, str]:
        """What the service is told from outside; each gets only the passwords of what it uses."""
        environment = {
            **PYTHON,
            **self._nats_environment(name),
            "BRIGHTRUN_DATABASE_URL": self.database_url(name),
            "BRIGHTRUN_DATABASE_TENANT_URL": self._tenant_url(name),
            "BRIGHTRUN_HTTP_HOST": self.host if name == REST_SERVICE else LOOPBACK,
            "BRIGHTRUN_HTTP_PORT": str(self.ports[name]),
            "BRIGHTRUN_DATA_DIR": str(self.layout.data),
            "BRIGHTRUN_SHUTDOWN_GRACE_S": str(SERVICE_STOP_S - 4),
            "BRIGHTRUN_BASE_MODEL_DIR": self._base_model(),
        }
        for part in self._fake_runpod():
            # Its pods are processes of this machine: they train the local base model.
            environment |= part.service_environment()
            environment["BASE_MODEL"] = os.environ.get("BASE_MODEL") or self._base_model()
        if name in USES_VALKEY:
            environment["BRIGHTRUN_REDIS_URL"] = f"redis://:{self.passwords.valkey}@{LOOPBACK}:{self.ports['valkey']}/0"
        if name in USES_OBJECTS:
            environment |= self._object_environment()
        if name == REST_SERVICE:
            environment |= self._rest_environment()
        if name == "provisioner":
            environment |= self.security.provisioner_environment()
        return environment

    def _base_model(self) -> str:
        return os.environ.get("BRIGHTRUN_BASE_MODEL_DIR") or str(self.layout.base_model)

    def _rest_environment(self) -> dict[str, str]:
        """Details are for this machine alone, wherever the API listens."""
        return {
            "BRIGHTRUN_OPERATIONS_HOST": LOOPBACK,
            "BRIGHTRUN_OPERATIONS_PORT": str(self.ports.get(OPERATIONS, 0)),
            "BRIGHTRUN_WEBHOOK_SECRET": os.environ.get("BRIGHTRUN_WEBHOOK_SECRET") or self.passwords.webhook,
        }

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
