"""cost_guard as job_api meets it."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chassis.messaging.requests import RequestRouter
from contracts.gpus import PricingTier
from contracts.identifiers import uuid7
from contracts.job_status import JobStatus
from contracts.rpc import costs

# Of the estimate below, in seconds and micro-dollars.
PARTS = tuple(
    costs.EstimatePart(name=name, stages=stages, expected_s=seconds, cost_micro_usd=seconds * 1000)
    for name, stages, seconds in (
        ("start", (JobStatus.PROVISIONING, JobStatus.PREPROCESSING, JobStatus.MODEL_LOADING), 20),
        ("training", (JobStatus.TRAINING,), 60), ("finish", (JobStatus.FINALIZATION,), 10)))


def answering(answers: dict[Any, Any]) -> RequestRouter:
    """A router of another service's answers, by what is asked."""
    router = RequestRouter()
    for rpc, answer in answers.items():
        router.rpc(rpc)(answer)
    return router


class CostGuard:
    """Answers about money as the real service does, from figures a test sets.

    `reserved` is what each job holds, by the name of the try; a try that was released or replaced is `closed`: what
    it asks late gets nothing. `started`: jobs whose start was heard of; their money is never given back.
    """

    def __init__(self) -> None:
        self.limit, self.spent, self.price = 500_000_000, 0, 1_000_000
        self.reserved: dict[UUID, UUID] = {}
        self.closed: set[UUID] = set()
        self.started: set[UUID] = set()
        self.reserve_calls = 0
        self.reserve_answer = self.reserve
        self.released: list[UUID] = []
        self.asked: list[costs.EstimateRequest] = []
        self.machines: tuple[costs.MachineCost, ...] = ()
        # The jobs of each workspace that had a spot machine.
        self.billed: defaultdict[UUID, set[UUID]] = defaultdict(set)
        self.rates = [costs.GpuRate(gpu_type="local", pricing_tier="spot", micro_usd_per_hour=100_000,
                                    valid_from=datetime(2026, 1, 1, tzinfo=UTC))]

    @property
    def answers(self) -> dict[Any, Any]:
        return {
            costs.ESTIMATE: self.estimate, costs.RESERVE: self.answer_reserve, costs.RELEASE: self.release,
            costs.BUDGET: self.budget, costs.SET_BUDGET: self.set_budget, costs.RATES: self.all_rates,
            costs.SET_RATE: self.set_rate, costs.JOB_COST: self.job_cost,
            costs.SPOT_SAVINGS: self.spot_savings, costs.WORKSPACE_SAVINGS: self.workspace_savings}

    def requests(self) -> RequestRouter:
        return answering(self.answers)

    async def request(self, rpc: Any, request: Any, timeout_s: float = 2.0) -> Any:
        """Asked directly, without a broker."""
        return await self.answers[rpc](request)

    def view(self) -> costs.BudgetView:
        held = len(self.reserved) * self.price
        return costs.BudgetView(month="2026-11", limit_micro_usd=self.limit, spent_micro_usd=self.spent,
                                reserved_micro_usd=held, available_micro_usd=self.limit - self.spent - held)

    async def estimate(self, request: costs.EstimateRequest) -> costs.Estimate:
        self.asked.append(request)
        amount = costs.Range(low=self.price // 2, expected=self.price * 3 // 4, high=self.price)
        tiers = tuple(costs.TierEstimate(pricing_tier=tier, rate_micro_usd_per_hour=100_000, cost_micro_usd=amount)
                      for tier in (request.pricing_tier, *(t for t in PricingTier if t is not request.pricing_tier)))
        return costs.Estimate(
            gpu_type=request.gpu_type, pricing_tier=request.pricing_tier,
            duration=costs.DurationRange(low_s=60, expected_s=90, high_s=120), cost_micro_usd=amount,
            rate_micro_usd_per_hour=100_000, total_training_tokens=request.tokens, total_steps=30,
            parts=PARTS, throughput_tokens_per_s=1000, based_on_runs=0, explanation="for tests", tiers=tiers,
            budget=self.view(),
            allowed_to_proceed=self.view().available_micro_usd >= self.price)

    async def answer_reserve(self, request: costs.ReserveRequest) -> costs.ReserveReply:
        return await self.reserve_answer(request)

    async def reserve(self, request: costs.ReserveRequest) -> costs.ReserveReply:
        self.reserve_calls += 1
        held = self.reserved.get(request.job_id)
        if held is None or held != request.reservation_id:
            self._give_up(request.job_id)
        estimate, name = await self.estimate(request.estimate), request.reservation_id or uuid7()
        started = request.job_id in self.started and not request.resumes
        if name in self.closed or started or not estimate.allowed_to_proceed:
            return costs.ReserveReply(accepted=False, estimate=estimate, refusal="$1.00 needed, $0.00 left.")
        self.reserved[request.job_id] = name
        return costs.ReserveReply(accepted=True, reservation_id=name, reserved_micro_usd=self.price,
                                  estimate=estimate)

    async def release(self, request: costs.ReleaseRequest) -> costs.Released:
        self.released.append(request.job_id)
        held = self.reserved.get(request.job_id)
        if request.job_id in self.started or held is None or request.reservation_id not in (None, held):
            self.closed |= {request.reservation_id} - {None}
            return costs.Released(released=False)
        self._give_up(request.job_id)
        return costs.Released(released=True)

    def _give_up(self, job_id: UUID) -> None:
        if job_id not in self.started and (name := self.reserved.pop(job_id, None)) is not None:
            self.closed.add(name)

    async def job_cost(self, request: costs.JobCostQuery) -> costs.JobCost:
        total = sum(machine.cost_micro_usd for machine in self.machines)
        return costs.JobCost(cost_micro_usd=total, estimate_micro_usd=None, billed_seconds=0, running=False,
                             rate_micro_usd_per_hour=None, as_of=datetime.now(UTC), machines=self.machines)

    async def spot_savings(self, request: costs.SpotSavingsQuery) -> costs.SpotSavings:
        return self._saved(self.billed[request.workspace_id] & set(request.job_ids))

    async def workspace_savings(self, request: costs.WorkspaceSavingsQuery) -> costs.SpotSavings:
        return self._saved(self.billed[request.workspace_id] - set(request.except_job_ids))

    def _saved(self, job_ids: set[UUID]) -> costs.SpotSavings:
        """A dollar paid for each job, and three on demand."""
        jobs = len(job_ids)
        return costs.SpotSavings(jobs=jobs, paid_micro_usd=jobs * 1_000_000, on_demand_micro_usd=jobs * 3_000_000)

    async def budget(self, request: costs.BudgetQuery) -> costs.BudgetView:
        return self.view()

    async def set_budget(self, request: costs.SetBudget) -> costs.BudgetView:
        self.limit = request.limit_micro_usd
        return self.view()

    async def all_rates(self, request: costs.RatesQuery) -> costs.Rates:
        return costs.Rates(rates=tuple(self.rates))

    async def set_rate(self, request: costs.SetRate) -> costs.GpuRate:
        new = costs.GpuRate(**request.model_dump(exclude={"changed_by"}), valid_from=datetime.now(UTC))
        kept = [rate for rate in self.rates if (rate.gpu_type, rate.pricing_tier) != (new.gpu_type, new.pricing_tier)]
        self.rates = [*kept, new]
        return new
