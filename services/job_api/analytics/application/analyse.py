"""The workspace's ended jobs, added up; what spot saved on them knows cost_guard."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.database.engine import Database
from chassis.problems import ServiceUnavailable
from contracts.rpc import costs
from contracts.rpc.costs import SpotSavings
from services.job_api.accounts import repository as accounts
from services.job_api.analytics import repository
from services.job_api.analytics.domain import Fix, Group, Point, Sums, TierMachines
from services.job_api.diagnosis.application.statistics import error_statistics
from services.job_api.diagnosis.domain import ErrorStatistics
from services.job_api.diagnosis.repository import Period
from services.job_api.ports import RpcClient

POINTS = 500
_JOBS_ASKED_AT_ONCE = 10_000


@dataclass(frozen=True)
class Analytics:
    """`savings` None: cost_guard did not answer, and `unavailable` says why."""

    period: Period
    groups: Sequence[Group]
    points: Sequence[Point]
    errors: ErrorStatistics
    fixes: Sequence[Fix]
    tiers: Sequence[TierMachines]
    savings: SpotSavings | None
    emails: Mapping[str, str]
    unavailable: Mapping[str, str]

    @property
    def totals(self) -> Sums:
        return next((one.sums for one in self.groups if one == Group(one.sums)), Sums())

    @property
    def presets(self) -> list[Group]:
        return sorted((one for one in self.groups if one.preset is not None and one.week is None),
                      key=lambda one: one.preset or "")

    @property
    def weeks(self) -> list[Group]:
        """The oldest first."""
        return sorted((one for one in self.groups if one.week is not None),
                      key=lambda one: (one.week, one.preset or ""))

    @property
    def people(self) -> list[Group]:
        """Who has spent most first."""
        return sorted((one for one in self.groups if one.creator is not None),
                      key=lambda one: (-one.sums.cost_micro_usd, one.creator or ""))

    @property
    def clients(self) -> list[Group]:
        """Whose jobs cost most first."""
        return sorted((one for one in self.groups if one.client is not None),
                      key=lambda one: (-one.sums.cost_micro_usd, one.client or ""))


async def analyse(database: Database, rpc: RpcClient, workspace_id: UUID, period: Period) -> Analytics:
    """What takes long is asked side by side: this database adds up while cost_guard does."""
    added_up, errors, savings = await asyncio.gather(
        _added_up(database, workspace_id, period), error_statistics(database, workspace_id, period),
        _savings(database, rpc, workspace_id, period))
    unavailable = {"savings": savings} if isinstance(savings, str) else {}
    return Analytics(period=period, errors=errors, savings=None if isinstance(savings, str) else savings,
                     unavailable=unavailable, **added_up)


async def _added_up(database: Database, workspace_id: UUID, period: Period) -> dict[str, Any]:
    async with database.read() as tx:
        groups = await repository.groups(tx, workspace_id, period)
        return {
            "groups": groups, "points": await repository.points(tx, workspace_id, period, POINTS),
            "fixes": await repository.fixes(tx, workspace_id, period),
            "tiers": await repository.tiers(tx, workspace_id, period),
            "emails": await accounts.emails_of(tx, {one.creator for one in groups if one.creator is not None})}


async def _savings(database: Database, rpc: RpcClient, workspace_id: UUID, period: Period) -> SpotSavings | str:
    """Without an answer, why."""
    async with database.read() as tx:
        jobs = await repository.ended_with_a_machine(tx, workspace_id, period, _JOBS_ASKED_AT_ONCE)
    try:
        if not jobs.all_but:
            return await _savings_of(rpc, workspace_id, jobs.job_ids)
        query = costs.WorkspaceSavingsQuery(workspace_id=workspace_id, except_job_ids=tuple(jobs.job_ids))
        return await rpc.request(costs.WORKSPACE_SAVINGS, query)
    except ServiceUnavailable as error:
        return error.detail


async def _savings_of(rpc: RpcClient, workspace_id: UUID, job_ids: Sequence[UUID]) -> SpotSavings:
    found = SpotSavings()
    for begin in range(0, len(job_ids), _JOBS_ASKED_AT_ONCE):
        some = tuple(job_ids[begin : begin + _JOBS_ASKED_AT_ONCE])
        part = await rpc.request(costs.SPOT_SAVINGS, costs.SpotSavingsQuery(workspace_id=workspace_id, job_ids=some))
        found = _sum(found, part)
    return found


def _sum(one: SpotSavings, other: SpotSavings) -> SpotSavings:
    return SpotSavings(**{name: getattr(one, name) + getattr(other, name) for name in SpotSavings.model_fields})
