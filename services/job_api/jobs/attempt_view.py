"""Attempts as the API shows them."""

from datetime import datetime
from typing import Any

from contracts.money import format_usd
from contracts.rpc.costs import MachineCost
from services.job_api.amounts import dollars
from services.job_api.edge.responses import page
from services.job_api.jobs.application.attempts import AttemptHistory
from services.job_api.jobs.domain.attempt_costs import AttemptCost, Totals
from services.job_api.jobs.progress_view import sentence


def attempts(history: AttemptHistory) -> dict[str, Any]:
    totals, state = history.totals, history.job.state
    words = sentence(history.interruptions, state.status, state.course.safe_step)
    return page([_attempt(one) for one in history.attempts], None) | {"totals": {
        "attempts": len(history.attempts), "interruptions": history.interruptions,
        "sentence": _with_costs(words, totals), "steps_redone": totals.steps_redone,
        "minutes_lost": round(totals.minutes_lost, 2), "lost": dollars(totals.lost_micro_usd),
        "lost_micro_usd": totals.lost_micro_usd, "cost": dollars(totals.cost_micro_usd),
        "cost_micro_usd": totals.cost_micro_usd, "saved": dollars(totals.saved_micro_usd),
        "saved_micro_usd": totals.saved_micro_usd}}


def _attempt(one: AttemptCost) -> dict[str, Any]:
    attempt, loss = one.attempt, one.loss
    return {
        "object": "training_job.attempt", "attempt": attempt.number, "outcome": attempt.outcome,
        "cause_code": attempt.cause_code, "cause": attempt.cause, "requested_at": attempt.requested_at,
        "started_at": attempt.running_since, "ended_at": attempt.ended_at,
        "machine_gone_at": attempt.terminated_at, "provider": attempt.provider, "gpu_type": attempt.gpu_type,
        "gpu_model": attempt.gpu_model, "gpu_pricing_tier": attempt.pricing_tier, "tier_reason": attempt.tier_reason,
        "resumed_from_step": attempt.resumed_from_step, "checkpoint_attempt": attempt.checkpoint_attempt,
        "from_step": attempt.from_step, "to_step": attempt.to_step, "steps_redone": one.steps_redone,
        "steps_lost": loss.steps if loss else 0, "minutes_lost": round(loss.minutes, 2) if loss else 0.0,
        "lost": dollars(loss.micro_usd) if loss else 0.0, "lost_micro_usd": loss.micro_usd if loss else 0,
        **_bill(one.machine)}


def _bill(machine: MachineCost | None) -> dict[str, Any]:
    if machine is None:
        return {"billed_from": None, "billed_until": None, "rate_source": None, **_money(None, None, 0)}
    billed: dict[str, datetime | None] = {"billed_from": machine.since, "billed_until": machine.until}
    return {**billed, "rate_source": machine.rate_source.value, **_money(
        machine.rate_micro_usd_per_hour, machine.on_demand_micro_usd_per_hour, machine.cost_micro_usd)}


def _money(rate: int | None, on_demand: int | None, cost: int) -> dict[str, Any]:
    return {"rate_per_hour": dollars(rate), "rate_micro_usd_per_hour": rate,
            "on_demand_per_hour": dollars(on_demand), "cost": dollars(cost), "cost_micro_usd": cost}


def _with_costs(words: str, totals: Totals) -> str:
    """`Interrupted 2x, resumed; 50 steps done again, 12 minutes and $0.40 lost; $3.10 saved against on-demand.`"""
    parts = [words.rstrip(".")] if words else []
    if words:
        steps = "1 step" if totals.steps_redone == 1 else f"{totals.steps_redone} steps"
        lost = f"{totals.minutes_lost:.1f} minutes and {format_usd(totals.lost_micro_usd)} lost"
        parts.append(f"{steps} done again, {lost}")
    saved = totals.saved_micro_usd
    if saved is not None:
        more = f"{format_usd(saved)} saved against on-demand"
        parts.append(more if saved >= 0 else f"{format_usd(-saved)} more than on-demand would have cost")
    return "; ".join(parts) + "." if parts else ""
