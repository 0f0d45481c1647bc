"""When the cost of a job is news."""

import pytest

from services.cost_guard.domain.report import CostReport, Published, is_news

EVERY_S = 45.0


def report(cost: int, *, running: bool = True, final: bool = False) -> CostReport:
    return CostReport(cost, 0.0, running, final)


def published(cost: int, *, running: bool = True, final: bool = False, age_s: float = 1.0) -> Published:
    return Published(cost, running, final, age_s)


@pytest.mark.parametrize(
    ("now", "before", "news"),
    [
        (report(0), None, True),  # the first word
        (report(10), published(0), False),  # a moment later
        (report(10), published(0, age_s=EVERY_S), True),  # time to say so
        (report(10), published(10, age_s=9 * EVERY_S), False),  # nothing to say
        (report(1_000), published(0), True),  # a hundredth of what was estimated: a short job
        (report(9), published(10), True),  # corrected downwards
        (report(10, running=False), published(10), True),  # the machine is gone
        (report(10), published(10, running=False), True),  # the next one runs
        (report(10, running=False, final=True), published(10, running=False), True),  # all is over
        (report(10, running=False, final=True), published(10, running=False, final=True, age_s=9e9), False),
        (report(11, running=False, final=True), published(10, running=False, final=True), True),  # corrected
        (report(11, running=False), published(10, running=False), True),
        (report(10, running=False), published(10, running=False, age_s=9e9), False),
    ],
)
def test_news(now, before, news) -> None:
    assert is_news(now, before, estimate_micro_usd=100_000, every_s=EVERY_S) is news


@pytest.mark.parametrize("estimate", [None, 0])
def test_without_an_estimate_only_time_and_changes_are_news(estimate) -> None:
    assert not is_news(report(10**9), published(0), estimate_micro_usd=estimate, every_s=EVERY_S)
