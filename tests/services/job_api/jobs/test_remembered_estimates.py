from uuid import uuid4

from chassis.clock import FakeClock
from contracts.rpc.costs import BUDGET, BudgetQuery, BudgetView
from services.job_api.jobs.application.remembered_estimates import RememberedEstimates


class Counting:
    def __init__(self) -> None:
        self.asked = 0

    async def request(self, rpc, request, timeout_s=2.0):
        self.asked += 1
        return BudgetView(month="2026-11", limit_micro_usd=self.asked, spent_micro_usd=0, reserved_micro_usd=0,
                          available_micro_usd=0)


async def test_the_same_question_is_asked_once_in_two_seconds() -> None:
    asks, clock = Counting(), FakeClock()
    remembered = RememberedEstimates(asks, clock)
    question = BudgetQuery(workspace_id=uuid4())
    assert await remembered.request(BUDGET, question) == await remembered.request(BUDGET, question)
    await remembered.request(BUDGET, BudgetQuery(workspace_id=uuid4()))
    assert asks.asked == 2
    clock.advance(2.1)
    await remembered.request(BUDGET, question)
    assert asks.asked == 3


async def test_memory_is_bounded() -> None:
    remembered = RememberedEstimates(Counting(), FakeClock())
    for _ in range(300):
        await remembered.request(BUDGET, BudgetQuery(workspace_id=uuid4()))
    assert len(remembered._answers) == 256
