"""The operators' view as the API shows it. A part that could not be asked is `unknown`, never an error."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from chassis.observability.redaction import redact
from contracts.rpc.health import OUTBOX_OLD_S, ConsumerFigures, OutboxFigures, ServiceHealth
from contracts.rpc.pods import Leaks, Machine
from services.job_api.amounts import dollars
from services.job_api.operations import domain
from services.job_api.operations.application.findings import findings, state
from services.job_api.operations.application.overview import LEAKS_OF, DeadLettersSeen, Overview
from services.job_api.operations.domain import Finding, JobOwner, QueueOfWorkspace
from services.job_api.operations.presenter import dead_letter

_HOUR_S = 3600


def overview(found: Overview) -> dict[str, Any]:
    wrong = findings(found)
    return {
        "object": "operations", "as_of": found.as_of, "state": state(wrong),
        "findings": [_finding(one) for one in wrong],
        "services": [_service(name, health, found.unavailable.get(name, ""))
                     for name, health in found.services.items()],
        "machines": {"state": _state(found.machines), "data": [
            _machine(one, found.owners.get(one.job_id), found) for one in found.machines or ()]},
        "leaked": _leaks(found.leaks), "dead_letters": _dead_letters(found.dead_letters),
        "queue": _queues(None if found.queues is None else list(found.queues)),
        "unavailable": dict(found.unavailable)}


def _state(part: object) -> str:
    return "unknown" if part is None else "known"


def _service(name: str, health: ServiceHealth | None, why: str) -> dict[str, Any]:
    consumers = [_consumer(one) for one in domain.consumers_of(name, health)]
    if health is None:
        return {"name": name, "state": "unknown", "message": why, "checks": [], "consumers": consumers, "outbox": None}
    document = health.model_dump(mode="json")
    checks = [{"name": check, **outcome, "detail": redact(outcome["detail"])}
              for check, outcome in document["checks"].items()]
    wrong = [f"{check['name']}: {check['detail'] or check['status']}" for check in checks if check["status"] != "ok"]
    waits = [f"waits for {health.waiting_for}"] if health.waiting_for else []
    state = {"unready": "failed", "ready": "degraded" if wrong else "ok"}.get(health.status, health.status)
    return {"name": name, "state": state, "message": "; ".join(waits + wrong), "checks": checks,
            "consumers": consumers, "outbox": health.outbox and _outbox(health.outbox)}


def _consumer(one: ConsumerFigures) -> dict[str, Any]:
    return one.model_dump() | {"trouble": redact(one.trouble), "state": domain.consumer_state(one),
                               "most_pending": domain.MOST_PENDING}


def _outbox(figures: OutboxFigures) -> dict[str, Any]:
    return figures.model_dump() | {"state": domain.outbox_state(figures), "longest_age_s": OUTBOX_OLD_S}


def _finding(one: Finding) -> dict[str, Any]:
    return asdict(one) | {"observed": redact(one.observed),
                          "runbook": f"docs/runbooks/{one.runbook}.md" if one.runbook else ""}


def _machine(one: Machine, owner: JobOwner | None, found: Overview) -> dict[str, Any]:
    rate, spent = one.rate_micro_usd_per_hour, owner.cost_micro_usd if owner else None
    cost = _cost(rate, one.running_since, found.as_of)
    trouble = domain.machine_trouble(owner, found.as_of) if found.knows_owners else ""
    return {
        "job_id": one.job_id, "job_name": owner and owner.name, "attempt": one.attempt,
        "workspace_id": one.workspace_id, "workspace_name": owner and owner.workspace_name,
        "owner": owner and owner.created_by, "owner_email": owner and owner.email, "provider": one.provider,
        "gpu_type": one.gpu_type.value, "gpu_model": one.gpu_model, "gpu_pricing_tier": one.pricing_tier.value,
        "running_since": one.running_since, "rate_per_hour": dollars(rate), "rate_micro_usd_per_hour": rate,
        "cost": dollars(cost), "cost_micro_usd": cost, "job_cost": dollars(spent), "job_cost_micro_usd": spent,
        "job_status": owner and owner.status, "message": trouble,
        "state": "unexpected" if trouble else "expected" if found.knows_owners else "unknown"}


def _cost(rate: int | None, since: datetime | None, now: datetime) -> int | None:
    """Micro-dollars since it runs."""
    if rate is None or since is None:
        return None
    return round(rate * max(0.0, (now - since).total_seconds()) / _HOUR_S)


def _leaks(found: Leaks | None) -> dict[str, Any]:
    known = {"state": _state(found), "days": LEAKS_OF.days}
    if found is None:
        return known | {"cost": None, "micro_usd": None, "machines": None, "data": []}
    return known | {"cost": dollars(found.micro_usd), "micro_usd": found.micro_usd, "machines": found.machines,
                    "data": [leak.model_dump(mode="json") | {"cost": dollars(leak.micro_usd)} for leak in found.leaks]}


def _dead_letters(found: DeadLettersSeen | None) -> dict[str, Any]:
    return {"state": _state(found), "total": found and found.total,
            "data": [dead_letter(message) for message in found.oldest] if found else []}


def _queues(found: list[QueueOfWorkspace] | None) -> dict[str, Any]:
    rows = found or []
    return {
        "state": _state(found), "waiting": None if found is None else sum(one.waiting for one in rows),
        "active": None if found is None else sum(one.active for one in rows), "data": [asdict(one) for one in rows]}
