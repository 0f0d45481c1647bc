"""Whatever happens in whatever order: one machine for an attempt, none without a job, each billed once and to the end.

Two provisioners work on one PostgreSQL and one provider; creates time out and have worked, deletes fail, lists lag,
heartbeats stop, machines die, and a provisioner freezes in the middle of a call and goes on after its lease expired.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar
from uuid import UUID

import pytest
from faststream.nats import TestNatsBroker
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chassis.clock import FakeClock
from chassis.database.engine import Database
from chassis.database.migrate import upgrade
from chassis.objects.store import ObjectStore
from chassis.settings import ServiceSettings
from contracts import events
from contracts.rpc.pods import HEARTBEAT, MACHINES, Heartbeat, MachinesQuery
from services.provisioner.domain.model import PodStatus
from services.provisioner.domain.names import parse_pod_name, pod_name
from services.provisioner.ports import MachineState, NoCapacity, ProviderError
from tests.services.provisioner.fake_provider import FakeProvider
from tests.services.provisioner.lagging_provider import LaggingProvider
from tests.services.provisioner.two_provisioners import LONGEST_WAIT_S, POLICY, Provisioner, Truth, empty, rows
from tests.services.provisioner.world import (
    WORKSPACE,
    FakeBroker,
    World,
    checkpoint,
    completed,
    failed,
    seconds_from,
    sigterm,
    start_request,
)

T = TypeVar("T")
PLACES = ("before create", "after create", "before terminate", "after terminate", "after describe")
OPENINGS = ("nothing", "runs", "create times out", "before create", "after create", "comes too late", "comes again",
            "is replaced")
EXIT_CODES = (0, 1, 137, None)


class Servers:
    """One database, emptied for each example, and one event loop."""

    def __init__(self, url: str, objects: ObjectStore) -> None:
        self.loop = asyncio.new_event_loop()
        self.database, self.objects = Database(url), objects

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.database.dispose())
        self.loop.close()


class PodsMachine(RuleBasedStateMachine):
    def __init__(self, servers: Servers) -> None:
        super().__init__()
        self.servers, self.run = servers, servers.run
        self.jobs: list[UUID] = []
        self.truth, self.late_creates = Truth(), 0
        self.open = ExitStack()

    @initialize(lag_s=st.sampled_from([0.0, 3.0]), remembers_names=st.booleans(), opening=st.sampled_from(OPENINGS))
    def begin(self, lag_s: float, remembers_names: bool, opening: str) -> None:
        self.clock = FakeClock()
        self.provider, self.remembers = FakeProvider(now=self.clock.now), remembers_names
        shown = LaggingProvider(self.provider, lag_s, now=self.clock.now) if lag_s else self.provider
        self.world = World(self.servers.database, self.servers.objects, shown, self.clock, FakeBroker(), POLICY)
        self.clocks = [FakeClock(seconds_from(self.clock.now(), offset)) for offset in (0, 3600)]
        self.provisioners = [Provisioner(self.world, clock) for clock in self.clocks]
        self.open.enter_context(self._running_bus())
        self.run(empty(self.world))
        self.start(3600)
        self._open(opening)

    def _open(self, opening: str) -> None:
        """Into the middle of things."""
        if opening == "create times out":
            self.provider_fails("timeout")
        if opening != "nothing":
            self.work(0, opening if opening in PLACES else "before create" if opening.startswith("comes") else "")
        if opening.endswith("create"):
            self.time_passes(16)
        if opening == "is replaced":
            self.run(self.world.deliver(sigterm(self.jobs[0])))
            self.work(1, "")
        if opening.startswith("comes"):
            self.goes_on_after_its_lease_expired(0, "before the other" if "late" in opening else "after the other")

    @contextmanager
    def _running_bus(self) -> Iterator[None]:
        bus = TestNatsBroker(self.world.bus)
        self.run(bus.__aenter__())
        yield
        self.run(bus.__aexit__(None, None, None))

    # what job_api and trainers do

    @precondition(lambda self: len(self.jobs) < 3)
    @rule(limit_s=st.sampled_from([60, 3600]))
    def start(self, limit_s: int) -> None:
        start = start_request(max_duration_s=limit_s)
        self.jobs.append(start.job_id)
        self.run(self.world.deliver(start))

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if job_id := self._some_job(data):
            self.run(self._cancel(job_id))

    @rule(data=st.data(), word=st.sampled_from(["completed", "failed", "retry", "sigterm", "checkpoint"]))
    def trainer_says(self, data: st.DataObject, word: str) -> None:
        if job_id := self._some_job(data):
            attempt = self.run(self.world.job(job_id)).attempt
            self.run(self.world.deliver(self._word(word, job_id, attempt, data.draw(st.integers(1, 9)))))

    @rule(data=st.data(), word=st.sampled_from(["completed", "failed", "retry", "sigterm"]))
    def old_trainer_says(self, data: st.DataObject, word: str) -> None:
        """An attempt that was replaced changes nothing of the newer one."""
        job_id = self._some_job(data)
        if job_id is None or (newest := self.run(self.world.job(job_id)).attempt) < 2:
            return
        before = self._newest(job_id)
        self.run(self.world.deliver(self._word(word, job_id, data.draw(st.integers(1, newest - 1)), 1)))
        assert self._newest(job_id) == before

    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        """The trainers of all machines that run are alive, or only one of them."""
        running = [m.name for m in self.provider.machines.values() if m.state is MachineState.RUNNING]
        for name in running if data.draw(st.booleans()) else running[:1]:
            job_id, attempt = parse_pod_name(name) or (UUID(int=0), 0)
            beat = Heartbeat(attempt=attempt, step=1, sent_at=self.clock.now())
            reply = self.run(self.world.ask(HEARTBEAT, beat, job_id))
            if attempt != self.run(self.world.job(job_id)).attempt:
                assert reply.directive == "stop"

    # what the provider does

    @rule(fault=st.sampled_from(["timeout", "error", "full", "describe", "terminate", "starting"]))
    def provider_fails(self, fault: str) -> None:
        faults = self.provider.faults
        if fault == "timeout":
            faults.after_create.append(ProviderError("timeout"))
        elif fault == "starting":
            self.provider.starting = not self.provider.starting
        elif fault in ("error", "full"):
            faults.before_create.append(ProviderError("503") if fault == "error" else NoCapacity("sold out"))
        else:
            getattr(faults, fault).append(ProviderError("500"))

    @rule(data=st.data(), end=st.sampled_from(["exits", "vanishes", "comes up"]))
    def machine_changes(self, data: st.DataObject, end: str) -> None:
        if not (names := self._machines_somebody_speaks_for()):
            return
        name = data.draw(st.sampled_from(sorted(names)))
        if end == "vanishes":
            self.provider.vanishes(name)
        elif end == "exits":
            self.provider.exits(name, data.draw(st.sampled_from(EXIT_CODES)))
        elif self.provider.machines[name].state is MachineState.STARTING:
            self.provider.comes_up(name)

    def provider_forgets_names(self) -> None:
        """A name of the past can be used again at the worst provider."""
        if not self.remembers:
            self.provider.ended.clear()

    # what the provisioners do

    @rule(which=st.integers(0, 1), freeze_at=st.sampled_from(["", "", "", *PLACES]))
    def work(self, which: int, freeze_at: str) -> None:
        self.provisioners[which].provider.freeze_at = freeze_at
        self.run(self.provisioners[which].work())
        self.truth.note(self.provider)

    @rule(which=st.integers(0, 1))
    def reap(self, which: int) -> None:
        self._tolerating_faults(self.provisioners[which].reap())

    @rule(seconds=st.sampled_from([1, 4, 16, 60]))
    def time_passes(self, seconds: int) -> None:
        for passed in range(0, seconds, 4):
            self._advance(min(4, seconds - passed))
            for provisioner in self.provisioners:
                self.run(provisioner.look_for_silence())

    @rule(which=st.integers(0, 1), cancelled=st.sampled_from(["", "before the other", "after the other"]))
    def goes_on_after_its_lease_expired(self, which: int, cancelled: str) -> None:
        """Meanwhile the other one took over, and perhaps all was over."""
        if not self.provisioners[which].is_frozen:
            return
        for moment in ("before the other", "after the other"):
            if cancelled == moment:
                self.run(self._cancel(self.jobs[0]))
            for _ in range(4):
                self._advance(5)
                self.run(self.provisioners[1 - which].work())
                self.truth.note(self.provider)
        self.provider_forgets_names()
        self.late_creates += 1
        self.run(self.provisioners[which].thaw())
        self.truth.note(self.provider)

    # what holds

    @invariant()
    def no_row_is_stuck(self) -> None:
        if not self.jobs:
            return
        horizon = seconds_from(self.clock.now(), LONGEST_WAIT_S)
        for row in self.run(rows(self.world, "pods")):
            assert row["status"] == PodStatus.TERMINATED or row["due_at"] <= horizon, row

    @invariant()
    def an_attempt_has_one_machine(self) -> None:
        made = [request.name for request in self.provider.requests] if self.jobs else []
        assert len(made) <= len(set(made)) + (0 if self.remembers else self.late_creates)

    def teardown(self) -> None:
        if self.jobs:
            self._let_everything_end()
            self._check_the_end()
        self.open.close()

    def _let_everything_end(self) -> None:
        """No new faults; every job is cancelled; time goes on."""
        self.provider.faults = type(self.provider.faults)()
        for job_id in self.jobs:
            self.run(self._cancel(job_id))
        for _ in range(30):
            for provisioner in self.provisioners:
                self.late_creates += provisioner.is_frozen
                self.run(provisioner.thaw())
                self.run(provisioner.work(16))
                self.run(provisioner.reap())
            self.truth.note(self.provider)
            self._advance(5)
            if self._is_quiet():
                break
        self.run(self._reap_and_work())
        self.truth.note(self.provider)

    def _is_quiet(self) -> bool:
        closed = all(row["status"] == PodStatus.TERMINATED for row in self.run(rows(self.world, "pods")))
        return closed and not self.provider.machines

    async def _reap_and_work(self) -> None:
        for provisioner in self.provisioners:
            await provisioner.reap()
            await provisioner.work(16)

    def _check_the_end(self) -> None:
        assert self.provider.machines == {}
        pods = {row["pod_name"]: row for row in self.run(rows(self.world, "pods"))}
        assert {name: row["status"] for name, row in pods.items() if row["status"] != PodStatus.TERMINATED} == {}
        for name, row in pods.items():
            self._check_bill(name, row)
        assert set(self.truth.made) <= set(pods)
        self._check_list(pods)

    def _check_bill(self, name: str, row: dict[str, Any]) -> None:
        """The last word about a pod is its bill; all words agree about its beginning."""
        bills = [e.data for e in self.run(self.world.published())
                 if isinstance(e.data, events.PodTerminated) and e.data.pod_name == name]
        lives = self.truth.made.get(name, [])
        assert bills, f"{name} has no bill"
        began, ended = (lives[0].began_at, lives[-1].ended_at) if lives else (None, row["terminated_at"])
        assert (bills[-1].running_since, bills[-1].terminated_at) == (began, ended), name
        assert (row["running_since"], row["terminated_at"]) == (began, ended), name
        running = [e.data.running_since for e in self.run(self.world.published())
                   if isinstance(e.data, events.PodRunning) and e.data.pod_name == name]
        assert len(running) <= 1
        assert set(running) <= {began}

    def _check_list(self, pods: dict[str, dict[str, Any]]) -> None:
        long_ago = seconds_from(self.clock.now(), -10**7)
        listed = self.run(self.world.ask(MACHINES, MachinesQuery(since=long_ago))).machines
        names = [pod_name(machine.job_id, machine.attempt) for machine in listed]
        assert len(names) == len(set(names))
        assert set(self.truth.made) <= set(names) <= set(pods)

    # small things

    def _some_job(self, data: st.DataObject) -> UUID | None:
        return data.draw(st.sampled_from(self.jobs)) if self.jobs else None

    def _advance(self, seconds: float) -> None:
        for clock in (self.clock, *self.clocks):
            clock.advance(seconds)

    async def _cancel(self, job_id: UUID) -> None:
        await self.world.deliver(
            events.JobCancelRequested(job_id=job_id, workspace_id=WORKSPACE, requested_by="someone"))

    def _word(self, word: str, job_id: UUID, attempt: int, step: int) -> Any:
        if word == "checkpoint":
            return checkpoint(job_id, step, attempt)
        if word in ("failed", "retry"):
            return failed(job_id, attempt, retryable=word == "retry")
        return (completed if word == "completed" else sigterm)(job_id, attempt)

    def _newest(self, job_id: UUID) -> Any:
        job = self.run(self.world.job(job_id))
        return job, [pod for pod in self.run(self.world.pods(job_id)) if pod.attempt == job.attempt]

    def _machines_somebody_speaks_for(self) -> set[str]:
        """One that came after its end and is gone before anybody saw it leaves no trace."""
        open_rows = {row["pod_name"] for row in self.run(rows(self.world, "pods"))
                     if row["status"] != PodStatus.TERMINATED}
        return open_rows & set(self.provider.machines)

    def _tolerating_faults(self, work: Awaitable[None]) -> None:
        with suppress(ProviderError):
            self.run(work)


@pytest.fixture
def servers(postgres: Any, new_empty_database: Any, s3: Any, settings_for: Any) -> Iterator[Servers]:
    url = new_empty_database()
    asyncio.run(upgrade("services.provisioner", url))
    made = Servers(url, ObjectStore(ServiceSettings(**settings_for("provisioner"))))
    yield made
    made.close()


def search(servers: Servers, examples: int, steps: int, **options: Any) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: PodsMachine(servers),
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
                          suppress_health_check=list(HealthCheck), **options))


def test_pods_and_leases(servers: Servers) -> None:
    search(servers, examples=15, steps=25, derandomize=True)


@pytest.mark.fuzz
@pytest.mark.timeout(3600)
def test_pods_and_leases_for_minutes(servers: Servers) -> None:
    search(servers, examples=600, steps=60)
