"""From nothing to ready, in the order the parts need each other.

Servers start together; the databases are made and migrated as soon as PostgreSQL answers, streams as soon as NATS
does; then all services at once. Running it again on a running stack starts what is missing and waits for the rest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from contracts.buckets import BUCKETS
from stack.children import Child, bootstrap, migrate
from stack.crash_loops import CrashLoops
from stack.dashboard import DASHBOARD
from stack.health import Health, part_health, service_health
from stack.layout import ROOT, Layout
from stack.logs import last_words
from stack.nats_permissions import SERVICES, TOPOLOGY
from stack.parts import PartError, PostgresPart, S3Part
from stack.private_files import write_private_json
from stack.problems import StackError
from stack.programs import BACKUP, SERVERS, Blueprint
from stack.schemas import Schemas
from stack.state import REST_SERVICE, StackState
from stack.supervision import Supervision

SERVERS_READY_S, MIGRATED_S, SERVICES_READY_S = 60.0, 120.0, 150.0
Report = Callable[[str, str], None]


class BringUp:
    """One start. `report(name, text)` is told as each program gets ready."""

    def __init__(self, blueprint: Blueprint, state: StackState, supervision: Supervision, report: Report) -> None:
        self.blueprint, self.state, self.supervision, self.report = blueprint, state, supervision, report
        self.layout: Layout = blueprint.layout
        self.parts, self.schemas = blueprint.parts(), Schemas(ROOT / "services")
        self.crash_loops, self.began = CrashLoops(supervision), time.monotonic()

    def run(self) -> None:
        self.start(*self.parts)
        jobs = self._wait_for_servers()
        self._finish(jobs, MIGRATED_S)
        self._remember_schemas(jobs)
        services = [name for service in SERVICES for name in self.blueprint.replicas_of(service)]
        services += [DASHBOARD] * (DASHBOARD in self.blueprint.selected)
        self.start(*services, *[BACKUP] * (BACKUP in self.blueprint.selected))
        jobs = self._first_credentials()
        self._wait_for_services(services)
        self._finish(jobs, MIGRATED_S)
        self._refresh_credentials_url()

    def prepare(self) -> None:
        """Data folders and configuration, before the supervisor starts anything."""
        if isinstance(s3 := self.parts.get("s3"), S3Part):
            s3.create_buckets(BUCKETS)
        try:
            with ThreadPoolExecutor(len(SERVERS)) as pool:
                list(pool.map(lambda part: part.prepare(), self.parts.values()))
        except (PartError, OSError) as error:
            raise StackError(f"The data folders could not be made: {error}", "Check space and rights.") from error

    def start(self, *names: str) -> None:
        for name in names:
            self.supervision.start_program(name)

    def _wait_for_servers(self) -> list[Child]:
        """Starts what only waits for one of the servers as soon as that one is there."""
        waiting, jobs = dict(self.parts), list[Child]()
        deadline = time.monotonic() + SERVERS_READY_S
        while waiting:
            for name, part in list(waiting.items()):
                if part_health(part).ready:
                    del waiting[name]
                    self._say(name, f"{part.host}:{part.port}")
                    jobs += self._after(name)
            self._give_up_on_crash_loops(waiting)
            if time.monotonic() > deadline:
                raise self._not_ready(dict.fromkeys(waiting, Health(False, "does not answer")))
            time.sleep(0.05)
        return jobs

    def _after(self, server: str) -> list[Child]:
        if server == "nats" and TOPOLOGY in self.blueprint.selected:
            self.start(TOPOLOGY)
        if server == "postgres":
            return self._databases()
        return []

    def _databases(self) -> list[Child]:
        part, passwords = self.parts["postgres"], self.blueprint.passwords
        assert isinstance(part, PostgresPart)
        names = [name for name in SERVICES if name in self.blueprint.selected]
        for name in names:
            self.blueprint.write_addresses(name)
        urls = {
            name: part.create_database(
                name, password=passwords.databases[name], tenant_password=passwords.tenants[name]) for name in names
        }
        outdated = {name: urls[name] for name in self.schemas.outdated(part, names)}
        return [migrate(self.layout, outdated)] if outdated else []

    def _remember_schemas(self, jobs: list[Child]) -> None:
        part = self.parts.get("postgres")
        if jobs and isinstance(part, PostgresPart):
            self.schemas.remember(part, [name for name in SERVICES if name in self.blueprint.selected])

    def _first_credentials(self) -> list[Child]:
        if REST_SERVICE not in self.blueprint.selected or self.layout.credentials_file.exists():
            return []
        return [bootstrap(self.layout, self.blueprint.service_environment(REST_SERVICE))]

    def _refresh_credentials_url(self) -> None:
        """The port may have been changed since the file was written."""
        path = self.layout.credentials_file
        if not path.exists():
            return
        document = json.loads(path.read_text())
        if document.get("url") != self.state.url:
            write_private_json(path, document | {"url": self.state.url})

    def _finish(self, jobs: list[Child], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        for job in jobs:
            while not job.done():
                if time.monotonic() > deadline:
                    raise StackError(f"{job.name} did not end.", f"Its log: {job.log}")
                time.sleep(0.03)
            self._say(job.name, "done")

    def _wait_for_services(self, names: list[str]) -> None:
        waiting = [program for name in names if (program := self.state.program(name))]
        deadline = time.monotonic() + SERVICES_READY_S
        with ThreadPoolExecutor(max(1, len(names))) as pool:
            while waiting:
                health = dict(zip((p.name for p in waiting), pool.map(service_health, waiting), strict=True))
                for program in [p for p in waiting if health[p.name].ready]:
                    self._say(program.name, f"{program.host}:{program.port}")
                waiting = [p for p in waiting if not health[p.name].ready]
                self._give_up_on_crash_loops([p.name for p in waiting])
                if waiting and time.monotonic() > deadline:
                    raise self._not_ready({p.name: health[p.name] for p in waiting})
                time.sleep(0.2 if waiting else 0)

    def _say(self, name: str, text: str) -> None:
        self.report(name, f"{text}  ({time.monotonic() - self.began:.1f} s)")

    def _give_up_on_crash_loops(self, names: Collection[str]) -> None:
        if ending := self.crash_loops.among(names):
            raise self._not_ready(dict.fromkeys(ending, Health(False, "ends soon after each start")))

    def _not_ready(self, health: dict[str, Health]) -> StackError:
        logs = {name: self.layout.logs / f"{name}.log" for name in health}
        lines = [f"  {name}: {found.reason}\n    {last_words(logs[name])}" for name, found in health.items()]
        more = f"More in the logs: {', '.join(map(str, logs.values()))}"
        return StackError("These programs did not get ready:\n" + "\n".join(lines), more)
