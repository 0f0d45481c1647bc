"""What attempts and their interruptions cost, from the log and the machines' bills."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.gpus import PricingTier
from contracts.rpc.costs import MachineCost, RateSource
from services.job_api.jobs.domain.attempt_costs import reckon
from services.job_api.jobs.domain.attempt_log import Entry, attempts_of

T0 = datetime(2026, 11, 28, 12, tzinfo=UTC)
SXM = "NVIDIA H100 80GB HBM3"
SPOT, ON_DEMAND = 1_800_000, 3_600_000  # an hour; 30,000 and 60,000 a minute


def minute(count: float) -> datetime:
    return T0 + timedelta(minutes=count)


def entry(kind: str, attempt: int, at: float, **payload) -> Entry:
    return Entry(kind, attempt, minute(at), payload)


def up(attempt: int, at: float) -> list[Entry]:
    machine = {"provider": "runpod", "gpu_type": "h100_pcie_80gb", "pricing_tier": "spot"}
    return [entry("pod.requested", attempt, at - 1, **machine),
            entry("pod.running", attempt, at, **machine, gpu_model=SXM, running_since=minute(at).isoformat())]


def progressed(attempt: int, at: float, step: int) -> Entry:
    return entry("training.progressed", attempt, at, step=step)


def interrupted(attempt: int, at: float, **more) -> Entry:
    return entry("pod.interrupted", attempt, at, **({"detected_by": "sigterm", "reason": "SIGTERM",
                                                     "interrupted_at": minute(at).isoformat()} | more))


def gone(attempt: int, since: float, at: float) -> Entry:
    return entry("pod.terminated", attempt, at, running_since=minute(since).isoformat(),
                 terminated_at=minute(at).isoformat(), pricing_tier="spot")


def resumed(attempt: int, at: float, step: int) -> Entry:
    return entry("training.resumed", attempt, at, resumed_from_step=step, checkpoint_attempt=1)


def bill(attempt: int, since: float, until: float | None, tier: PricingTier = PricingTier.SPOT,
         on_demand: int | None = ON_DEMAND) -> MachineCost:
    rate = SPOT if tier is PricingTier.SPOT else ON_DEMAND
    length = ((40.0 if until is None else until) - since) / 60
    return MachineCost(attempt=attempt, pricing_tier=tier, gpu_model=SXM, rate_micro_usd_per_hour=rate,
                       rate_source=RateSource.PROVIDER, on_demand_micro_usd_per_hour=on_demand, since=minute(since),
                       until=None if until is None else minute(until), cost_micro_usd=round(rate * length))


# A step each six seconds. The first machine is taken at step 160 (minute 18); the second goes on from step 100 and is
# as far again at minute 30.
ONCE = [*up(1, 0), progressed(1, 2, 1), progressed(1, 18, 160), interrupted(1, 18), gone(1, 0, 18.5),
        *up(2, 20), resumed(2, 23, 100), progressed(2, 24, 101), progressed(2, 30, 160)]
BILLS = [bill(1, 0, 18.5), bill(2, 20, None)]


def test_an_interruption_costs_the_time_until_the_job_is_as_far_again() -> None:
    (first, second), totals = reckon(attempts_of([*ONCE, progressed(2, 40, 250)]), BILLS, minute(40))
    assert (first.attempt.from_step, first.attempt.to_step) == (0, 160)
    assert (second.attempt.from_step, second.attempt.to_step) == (100, 250)
    assert (first.attempt.outcome, first.attempt.cause_code) == ("interrupted", "machine_taken_back")
    assert first.attempt.cause == "The provider took the machine back: SIGTERM."
    assert (first.loss.minutes, first.loss.steps) == (12.0, 60)
    assert first.loss.micro_usd == 30_000 * 10.5  # half a minute of the first machine, ten of the second
    assert second.loss is None
    assert (first.steps_redone, second.steps_redone) == (0, 60)
    assert (totals.minutes_lost, totals.steps_redone, totals.lost_micro_usd) == (12.0, 60, 315_000)


def test_spot_saves_what_the_same_work_would_have_cost_on_demand_less_what_was_paid() -> None:
    _, totals = reckon(attempts_of([*ONCE, progressed(2, 40, 250)]), BILLS, minute(40))
    useful_minutes, paid_minutes = 18 + 10, 18.5 + 20
    assert totals.saved_micro_usd == 60_000 * useful_minutes - 30_000 * paid_minutes


@pytest.mark.parametrize(("bills", "saved"), [
    ([bill(1, 0, 18.5, on_demand=None), bill(2, 20, None)], None),
    ([bill(1, 0, 18.5, PricingTier.ON_DEMAND), bill(2, 20, None, PricingTier.ON_DEMAND)], None),
    ([bill(1, 0, 18.5), bill(2, 20, None, PricingTier.ON_DEMAND)], 60_000 * 28 - 30_000 * 18.5 - 60_000 * 20),
])
def test_nobody_is_told_savings_that_nobody_knows(bills, saved) -> None:
    assert reckon(attempts_of([*ONCE, progressed(2, 40, 250)]), bills, minute(40))[1].saved_micro_usd == saved


def test_while_it_catches_up_the_loss_grows() -> None:
    (first, _), _ = reckon(attempts_of(ONCE[:-1]), BILLS, minute(26))
    assert first.loss.minutes == 8.0


def test_between_two_logged_steps_the_time_is_taken_for_even() -> None:
    (first, _), _ = reckon(attempts_of([*ONCE[:-1], progressed(2, 36, 221)]), BILLS, minute(40))
    assert first.loss.minutes == pytest.approx(24 + 12 * 59 / 120 - 18)


def test_an_interruption_while_catching_up_does_not_count_the_same_minutes_twice() -> None:
    history = [*ONCE[:-1], interrupted(2, 26), gone(2, 20, 26), *up(3, 28), resumed(3, 30, 100), progressed(3, 31, 110),
               progressed(3, 36, 160)]
    (first, second, third), totals = reckon(attempts_of(history), [], minute(40))
    assert (first.loss.minutes, second.loss.minutes, third.loss) == (8.0, 10.0, None)
    assert totals.minutes_lost == 18.0
    assert [one.steps_redone for one in (first, second, third)] == [0, 1, 60]
    assert second.loss.steps == 60


def test_an_attempt_that_came_to_nothing_is_lost_as_a_whole() -> None:
    history = [*up(1, 0), interrupted(1, 5, detected_by="heartbeat", reason="no heartbeat for 50 s"), gone(1, 0, 6),
               *up(2, 8), progressed(2, 10, 5)]
    (first, second), totals = reckon(attempts_of(history), [bill(1, 0, 6), bill(2, 8, 12)], minute(12))
    assert (first.attempt.cause_code, first.loss.minutes, first.loss.micro_usd) == ("machine_silent", 6.0, 180_000)
    assert (first.attempt.from_step, first.steps_redone, second.steps_redone) == (None, 0, 0)
    assert totals.minutes_lost == 6.0


def test_a_job_that_recovers_tells_what_it_will_do_again() -> None:
    (first,), _ = reckon(attempts_of(ONCE[:6]), BILLS[:1], minute(19), safe_step=100)
    assert first.loss.steps == 60


def test_a_machine_that_never_ran_did_not_come_up() -> None:
    machine = {"provider": "runpod", "gpu_type": "h100_pcie_80gb", "pricing_tier": "spot"}
    reason = "the machine did not start in time"
    (first,) = attempts_of([entry("pod.requested", 1, 0, **machine),
                            interrupted(1, 20, detected_by="provider", reason=reason)])
    assert (first.cause_code, first.cause) == ("machine_not_started", f"The machine did not come up: {reason}.")


def test_an_error_names_its_code_and_a_user_that_paused_lost_nothing() -> None:
    crashed = entry("training.failed", 1, 4, failed_at=minute(4).isoformat(), error_type="network", message="gone")
    history = [*up(1, 0), progressed(1, 2, 10), crashed, *up(2, 5), progressed(2, 7, 10), progressed(2, 9, 30),
               entry("training.paused", 2, 9, step=30, checkpoint_step=30), *up(3, 60), resumed(3, 61, 30)]
    (first, second, third), totals = reckon(attempts_of(history), [], minute(62))
    assert (first.attempt.outcome, first.attempt.cause_code, first.attempt.cause) == ("failed", "network", "gone")
    assert (second.attempt.outcome, second.loss) == ("paused", None)
    assert third.attempt.outcome == "running"
    assert totals.minutes_lost == 3.0


def test_the_order_in_which_the_log_was_written_does_not_matter() -> None:
    whole = [*ONCE, progressed(2, 40, 250)]
    assert reckon(attempts_of(whole[::-1]), BILLS, minute(40)) == reckon(attempts_of(whole), BILLS, minute(40))


def test_an_attempt_whose_job_was_cancelled_ended_with_its_machine() -> None:
    ended = gone(1, 0, 9)
    (only,) = attempts_of([*up(1, 0), progressed(1, 8, 60), Entry(ended.type, 1, ended.at, ended.payload | {
        "reason": "not needed any more."})])
    assert (only.outcome, only.ended_at) == ("stopped", minute(9))
    assert only.cause == "Its machine was ended: not needed any more."
