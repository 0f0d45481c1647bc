"""Analytics as the API shows them."""

from collections.abc import Sequence
from typing import Any

from contracts.rpc.costs import SpotSavings
from services.job_api.amounts import dollars
from services.job_api.analytics.application.analyse import Analytics
from services.job_api.analytics.domain import LEAST_MACHINES, Fix, Group, Point, Sums, TierMachines
from services.job_api.diagnosis import presenter as diagnosis


def analytics(found: Analytics) -> dict[str, Any]:
    period = found.period
    return {
        "object": "analytics", "from": period.after, "to": period.before, "totals": sums(found.totals),
        "presets": [preset(one) for one in found.presets], "weeks": [week(one) for one in found.weeks],
        "people": [person(one, found) for one in found.people], "clients": [client(one) for one in found.clients],
        "cost_and_quality": {"data": [point(one) for one in found.points], "total": found.totals.judged},
        "errors": errors(found),
        "tiers": [_tier(one) for one in found.tiers], "savings": found.savings and _savings(found.savings),
        "unavailable": dict(found.unavailable)}


def interruption_rates(found: Sequence[TierMachines]) -> dict[str, Any]:
    return {"object": "interruption_rates", "data": [_tier(one) for one in found], "least_machines": LEAST_MACHINES}


def _tier(found: TierMachines) -> dict[str, Any]:
    return vars(found) | {"interruption_rate": found.interruption_rate}


def sums(found: Sums) -> dict[str, Any]:
    plain = ("ended", "completed", "failed", "cancelled", "success_rate", "cost_micro_usd", "mean_cost_micro_usd",
             "mean_improvement_pct", "judged", "proven", "interruptions", "interrupted_jobs", "interrupted_completed")
    return {name: getattr(found, name) for name in plain} | {
        "cost": dollars(found.cost_micro_usd), "mean_cost": dollars(found.mean_cost_micro_usd),
        "median_duration_seconds": found.median_duration_s}


def preset(found: Group) -> dict[str, Any]:
    return {"preset": found.preset} | sums(found.sums)


def week(found: Group) -> dict[str, Any]:
    return {"week": found.week, "preset": found.preset} | sums(found.sums)


def person(found: Group, among: Analytics) -> dict[str, Any]:
    return {"creator": found.creator, "email": among.emails.get(found.creator or "")} | sums(found.sums)


def client(found: Group) -> dict[str, Any]:
    return {"client": found.client} | sums(found.sums)


def point(found: Point) -> dict[str, Any]:
    return vars(found) | {"cost": dollars(found.cost_micro_usd)}


def errors(found: Analytics) -> list[dict[str, Any]]:
    codes = diagnosis.statistics(found.errors, found.period)["codes"]
    return [code | {"fixes": [_fix(fix) for fix in found.fixes if fix.code == code["code"]]} for code in codes]


def _fix(found: Fix) -> dict[str, Any]:
    return {"field": found.field, "ended": found.ended, "completed": found.completed,
            "success_rate": round(found.completed / found.ended, 4)}


def _savings(found: SpotSavings) -> dict[str, Any]:
    amounts = {"paid": found.paid_micro_usd, "on_demand": found.on_demand_micro_usd,
               "saved": found.on_demand_micro_usd - found.paid_micro_usd}
    return {"jobs": found.jobs, "unknown_jobs": found.unknown_jobs} | {
        name: dollars(amount) for name, amount in amounts.items()} | {
        f"{name}_micro_usd": amount for name, amount in amounts.items()}
