"""Start, cancel, retry and delete against budget, reservation and billing, in any order, with crashes and losses."""

from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contracts import events as facts
from contracts.envelope import Event, EventData, new_event
from contracts.gpus import GpuType, PricingTier
from contracts.identifiers import uuid7
from contracts.rpc.costs import SetBudget, SetRate
from contracts.rpc.pods import Machine
from services.cost_guard.application import queries
from services.cost_guard.application.commands import budgets, reservations
from tests.money.books import EXPECTED_COST, Books, month_begin
from tests.money.truth import JobTruth, Span
from tests.money.world import World
from tests.services.cost_guard.examples import Job
from tests.services.cost_guard.in_process import GivenPrices

BUDGETS = st.sampled_from([0, 5_000_000, 12_000_000, 30_000_000, 500_000_000])
RATES = st.sampled_from([100_000, 1_234_567, 2_490_000, 9_999_999])
PAUSES = st.timedeltas(timedelta(0), timedelta(hours=9)) | st.sampled_from([timedelta(days=9), "next month"])
PICK = st.integers(0, 10**6)


class MoneyMachine(RuleBasedStateMachine):
    """Two workspaces and any number of jobs. `world` is set by whoever runs it."""

    world: World

    @initialize(limit=BUDGETS)
    def begin(self, limit: int) -> None:
        """One workspace with a budget of its own, one with the default."""
        self.clock = self.world.run(self.world.reset())
        self.workspaces = [uuid7(), uuid7()]
        self.books = Books(self.workspaces, self.world.settings.default_budget_micro_usd)
        self._set_budget(self.workspaces[0], limit)
        self.on_the_way: list[Event[Any]] = []
        self.delivered: list[Event[Any]] = []
        self.list_of_before: list[Machine] = []

    # Requests of job_api

    @rule(pick=PICK, which=st.sampled_from(["new", "again", "unnamed"]), lost=st.booleans(), late=st.booleans())
    def reserve(self, pick: int, which: str, lost: bool, late: bool) -> None:
        """`lost`: job_api never sees the answer. `late`: for any job, also one that runs or is gone."""
        pending = self._with_status("pending") or [self._new_job(pick)]
        truth = self._one(pick, self.books.jobs if late else pending)
        self._reserve(truth, self._try_of(truth, which, pick), lost=lost)

    def _try_of(self, truth: JobTruth, which: str, pick: int) -> UUID | None:
        if which == "unnamed":
            return None
        if which == "again" and truth.tries:
            return truth.tries[pick % len(truth.tries)]
        truth.tries.append(uuid7())
        return truth.tries[-1]

    def _reserve(self, truth: JobTruth, try_: UUID | None, *, lost: bool = False) -> bool:
        before = self.books.state(truth.job.workspace_id, self.clock.now(), without=truth)
        settings, now, asked = self.world.settings, self.clock.now(), truth.job.reserve(try_)
        reply = self._run(reservations.reserve(self.world.database, GivenPrices(), asked, settings, now))
        needed = reply.estimate.cost_micro_usd.high
        if truth.ended_at is None and truth.held and try_ in (None, truth.held[0]):
            assert (reply.accepted, reply.reservation_id, reply.reserved_micro_usd) == (True, *truth.held)
        elif not truth.pending or try_ in truth.closed:
            assert not reply.accepted
        else:
            truth.withdraw()
            assert reply.accepted == (needed <= before.available_micro_usd)
            if reply.accepted:
                truth.held, truth.agreed = (reply.reservation_id, needed), needed
                after = self.books.state(truth.job.workspace_id, now)
                assert after.spent_micro_usd + after.reserved_micro_usd <= after.limit_micro_usd
        if reply.accepted and not lost:
            truth.accepted.append(reply.reservation_id)
        return reply.accepted

    @precondition(lambda self: self.books.jobs)
    @rule(pick=PICK, which=st.sampled_from(["new", "again", "unnamed"]), late=st.booleans())
    def release(self, pick: int, which: str, late: bool) -> None:
        """`new`: of a try whose request is still on its way; it comes again when `reserve` asks again."""
        pending = self._with_status("pending")
        truth = self._one(pick, self.books.jobs if late or not pending else pending)
        try_ = self._try_of(truth, which, pick)
        counts = truth.held is not None and try_ in (None, truth.held[0])
        released = self._run(reservations.release(self.world.database, truth.job.release(try_)))
        assert released == (truth.pending and counts)
        if released:
            truth.withdraw()
        elif truth.pending:
            truth.close(try_)

    @rule(pick=PICK, limit=BUDGETS, rate=st.none() | RATES)
    def people_change_rules(self, pick: int, limit: int, rate: int | None) -> None:
        self.clock.advance(0.001)
        if rate is None:
            self._set_budget(self.workspaces[pick % 2], limit)
        else:
            gpu, tier = GpuType.H100_PCIE_80GB, PricingTier.SPOT
            change = SetRate(gpu_type=gpu, pricing_tier=tier, micro_usd_per_hour=rate, changed_by="me")
            self._run(budgets.set_rate(self.world.database, change, self.clock.now()))
            self.books.rates.change(self.clock.now(), rate)

    def _set_budget(self, workspace_id: UUID, limit: int) -> None:
        request = SetBudget(workspace_id=workspace_id, limit_micro_usd=limit, changed_by="owner")
        self._run(budgets.set_budget(self.world.database, request, self.world.settings, self.clock.now()))
        self.books.limits[workspace_id] = limit

    # What happens to jobs and machines; a retry is another job

    @rule(pick=PICK, told=st.booleans())
    def launch(self, pick: int, told: bool) -> None:
        """The usual way: a yes, a start and a machine. `told`: cost_guard hears of it at once."""
        truth = self._one(pick, [*self._with_status("pending"), self._new_job(pick)])
        if self._reserve(truth, self._try_of(truth, "new", pick)):
            truth.chosen = truth.accepted[-1]
            self._start(truth)
            self._begin_machine(truth, timedelta(0))
            for event in list(self.on_the_way) if told else ():
                self._deliver(event)

    @precondition(lambda self: self._startable())
    @rule(pick=PICK, waits=st.booleans())
    def start(self, pick: int, waits: bool) -> None:
        """By any try that was told yes, also one that was replaced meanwhile. `waits`: others come first; nothing is
        published, and the money is held until it is this job's turn or it is cancelled."""
        truth = self._one(pick, self._startable())
        truth.chosen = truth.accepted[pick % len(truth.accepted)]
        truth.status = "waiting"
        if not waits:
            self._start(truth)

    @precondition(lambda self: self._with_status("waiting"))
    @rule(pick=PICK)
    def it_is_its_turn(self, pick: int) -> None:
        self._start(self._one(pick, self._with_status("waiting")))

    @precondition(lambda self: self._with_status("waiting"))
    @rule(pick=PICK)
    def cancelled_while_it_waits(self, pick: int) -> None:
        self._end_job(self._one(pick, self._with_status("waiting")), "cancelled")

    @precondition(lambda self: self._with_machine(False))
    @rule(pick=PICK, early=st.timedeltas(timedelta(0), timedelta(minutes=3)))
    def machine_begins(self, pick: int, early: timedelta) -> None:
        """`pod.running` may tell a little too early a beginning."""
        self._begin_machine(self._one(pick, self._with_machine(False)), early)

    @precondition(lambda self: self._with_machine(True))
    @rule(pick=PICK, tells_since=st.booleans())
    def machine_ends(self, pick: int, tells_since: bool) -> None:
        """The end may say nothing about the beginning."""
        self._end_machine(self._one(pick, self._with_machine(True)), tells_since=tells_since)

    @precondition(lambda self: self._with_status("queued"))
    @rule(pick=PICK, how=st.sampled_from(["completed", "failed", "cancelled"]))
    def job_ends(self, pick: int, how: str) -> None:
        self._end_job(self._one(pick, self._with_status("queued")), how)

    @precondition(lambda self: self._with_status("pending"))
    @rule(pick=PICK, how=st.sampled_from(["deleted", "cancelled"]))
    def pending_job_ends(self, pick: int, how: str) -> None:
        self._end_job(self._one(pick, self._with_status("pending")), how)

    # What becomes of messages

    @precondition(lambda self: self.on_the_way)
    @rule(picks=st.lists(PICK, min_size=1, max_size=6))
    def deliver(self, picks: list[int]) -> None:
        """Some of what is on the way, in any order."""
        for pick in picks:
            if self.on_the_way:
                self._deliver(self.on_the_way[pick % len(self.on_the_way)])

    @precondition(lambda self: self.on_the_way or self.delivered)
    @rule(pick=PICK, what=st.sampled_from(["again", "crash", "lost"]))
    def mishap(self, pick: int, what: str) -> None:
        """Delivered twice; the process dies before the commit; a word about a machine is lost (job_api loses none)."""
        events = self.delivered if what == "again" else self.on_the_way
        if not events:
            return
        event = events[pick % len(events)]
        if what == "again":
            self._run(self.world.deliver(event))
        elif what == "crash":
            self._run(self.world.crash(event))
        elif event.data.entity == "pod":
            events.remove(event)

    # Time

    @rule(pause=PAUSES)
    def wait(self, pause: Any) -> None:
        now = self.clock.now()
        until = month_begin(now, 1) if pause == "next month" else now + pause
        self.clock.advance((until - now).total_seconds())

    @rule()
    def meter(self) -> None:
        self._run(self.world.meter.tick())

    @rule(what=st.sampled_from(["ask", "compare", "both"]))
    def reconcile(self, what: str) -> None:
        """Between asking for the list and comparing with it, events may be handled."""
        if what != "compare":
            self.list_of_before = [machine for truth in self.books.jobs for machine in truth.listed()]
        if what != "ask":
            self._run(self.world.reconcile(self.list_of_before, answered=what == "compare"))
            self.books.hear_list(self.list_of_before)

    # What holds at any time, and when all is over

    @invariant()
    def budgets_agree(self) -> None:
        if hasattr(self, "books"):
            now = self.clock.now()
            found = self._run(self.world.states(self.workspaces, now))
            assert found == [self.books.state(workspace_id, now) for workspace_id in self.workspaces]

    def teardown(self) -> None:
        if hasattr(self, "books"):
            self._end_everything()
            self._nothing_is_left()
            self._facts_were_published_once()

    def _end_everything(self) -> None:
        for truth in self.books.jobs:
            self._end_machine(truth, tells_since=True)
            self._end_job(truth, "cancelled")
        for event in [event for event in self.on_the_way if event.data.entity == "job"]:
            self._deliver(event)
        self.reconcile("both")

    def _nothing_is_left(self) -> None:
        now = self.clock.now()
        assert [self.books.state(workspace_id, now).reserved_micro_usd for workspace_id in self.workspaces] == [0, 0]
        self.budgets_agree()
        for truth in self.books.jobs:
            cost = self._run(queries.job_cost(self.world.database, truth.job.cost_query(), now))
            assert (cost.cost_micro_usd, cost.running) == (self.books.true_cost(truth, now), False)

    def _facts_were_published_once(self) -> None:
        for truth in self.books.jobs:
            updates = self._published(facts.CostUpdated, truth)
            told = [(one.cost_micro_usd, one.running, one.final) for one in updates]
            assert all(one != other for one, other in pairwise(told))
            final = [] if truth.outcome == "deleted" else [(self.books.true_cost(truth, self.clock.now()), False, True)]
            assert told[-1:] == final
            assert len(self._published(facts.CostOverrun, truth)) <= 1
        alerts = self._published(facts.BudgetThreshold) + self._published(facts.BudgetExceeded)
        levels = [(one.workspace_id, one.month, getattr(one, "threshold_percent", None)) for one in alerts]
        assert len(levels) == len(set(levels))

    # Plumbing

    def _start(self, truth: JobTruth) -> None:
        assert truth.chosen is not None
        truth.status = "queued"
        self._publish(truth.job.start_requested(truth.chosen, EXPECTED_COST))

    def _begin_machine(self, truth: JobTruth, early: timedelta) -> None:
        attempt = len(truth.machines) + 1
        truth.machines[attempt] = Span(self.clock.now())
        self._publish(truth.job.requested(attempt))
        self._publish(truth.job.running(self.clock.now() - early, attempt))

    def _end_machine(self, truth: JobTruth, *, tells_since: bool) -> None:
        if (attempt := truth.alive) is not None:
            span = truth.machines[attempt] = Span(truth.machines[attempt].since, self.clock.now())
            self._publish(truth.job.terminated(span.since if tells_since else None, self.clock.now(), attempt))

    def _end_job(self, truth: JobTruth, how: str) -> None:
        if truth.status != "ended":
            truth.status = "ended"
            self._publish(truth.job.deleted() if how == "deleted" else getattr(truth.job, how)(self.clock.now()))

    def _publish(self, data: EventData) -> None:
        self.on_the_way.append(new_event(data, source="/test", time=self.clock.now()))

    def _deliver(self, event: Event[Any]) -> None:
        self._run(self.world.deliver(event))
        self.on_the_way.remove(event)
        self.delivered.append(event)
        self.books.hear(event)

    def _published(self, kind: type[EventData], about: JobTruth | None = None) -> list[Any]:
        return self._run(self.world.guard.published(kind, about.job.job_id if about else None))

    def _new_job(self, pick: int) -> JobTruth:
        self.books.jobs.append(JobTruth(Job(workspace_id=self.workspaces[pick % 2])))
        return self.books.jobs[-1]

    def _one(self, pick: int, among: list[JobTruth]) -> JobTruth:
        self.clock.advance(0.001)  # no two things happen at the same moment
        return among[pick % len(among)]

    def _with_status(self, status: str) -> list[JobTruth]:
        return [truth for truth in self.books.jobs if truth.status == status]

    def _startable(self) -> list[JobTruth]:
        return [truth for truth in self._with_status("pending") if truth.accepted]

    def _with_machine(self, has: bool) -> list[JobTruth]:
        """A machine can outlive its job, but it begins only for one that is queued."""
        among = self.books.jobs if has else self._with_status("queued")
        return [truth for truth in among if (truth.alive is not None) == has]

    def _run(self, step: Any) -> Any:
        return self.world.run(step)
