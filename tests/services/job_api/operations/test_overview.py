"""The operators' view: everything at a glance, and what is away is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from contracts.rpc import pods
from contracts.rpc.health import HEALTH
from services.job_api.edge.auth import Role
from services.job_api.operations.schemas import OperationsView
from tests.services.job_api.operations.neighbours import provisioner


async def seen(client: Any) -> dict[str, Any]:
    answer = await client.get("/operations")
    assert answer.status_code == 200, answer.text
    OperationsView.model_validate(answer.json())
    return answer.json()


async def test_everything_at_a_glance(api) -> None:
    job = await api.running_job(name="a job")
    machine = pods.Machine(
        job_id=job["id"], workspace_id=api.workspace_id, attempt=1, provider="fake", gpu_type="local",
        pricing_tier="spot", running_since=datetime.now(UTC) - timedelta(hours=2), rate_micro_usd_per_hour=500_000)
    await api.jetstream.publish("dlq.job.completed.x", b"{}", headers={"x-error": "no such job", "x-consumer": "c"})
    async with provisioner(api, machine):
        found = await seen(api.client)
    services = {service["name"]: service for service in found["services"]}
    assert set(services) == {"job_api", *HEALTH}
    assert services["job_api"]["state"] in ("ok", "degraded")
    assert {consumer["durable"] for consumer in services["job_api"]["consumers"]} >= {"job_api_pods", "job_api_costs"}
    assert services["job_api"]["outbox"]["parked"] == 0
    assert services["provisioner"]["state"] == "degraded"
    assert "pw" not in services["provisioner"]["message"]
    assert services["provisioner"]["outbox"]["oldest_age_s"] == 61.5
    assert (services["provisioner"]["outbox"]["state"], services["provisioner"]["outbox"]["longest_age_s"]) == (
        "failed", 30.0)
    told = {consumer["durable"]: consumer["state"] for consumer in services["provisioner"]["consumers"]}
    assert told == {"d": "ok", "provisioner_jobs": "unknown", "provisioner_pods": "unknown",
                    "provisioner_training": "unknown"}
    assert (found["state"], found["findings"][0]["part"], found["findings"][0]["runbook"]) == (
        "failed", "outbox", "docs/runbooks/OutboxOld.md")
    assert "pw" not in str(found["findings"])
    assert {one["part"] for one in found["findings"]} >= {"dead_letters", "leaks", "service", "consumer"}
    assert found["dead_letters"]["data"][0]["allowed_actions"] == ["replay"]
    [one] = found["machines"]["data"]
    assert (one["state"], one["job_status"], one["message"]) == ("expected", "queued", "")
    assert (one["job_name"], one["owner_email"], one["workspace_name"]) == (
        "a job", api.credentials["email"], api.credentials["workspace_name"])
    assert round(one["cost"], 2) == 1.0
    assert (found["leaked"]["cost"], found["leaked"]["machines"]) == (0.25, 1)
    assert (found["dead_letters"]["total"], found["dead_letters"]["data"][0]["error"]) == (1, "no such job")
    assert (found["queue"]["active"], found["queue"]["waiting"]) == (1, 0)


async def test_what_is_away_is_unknown_and_the_rest_is_there(alone) -> None:
    found = await seen(alone.client)
    states = {service["name"]: service["state"] for service in found["services"]}
    assert {states[name] for name in HEALTH} == {"unknown"}
    assert found["state"] == "unknown"
    assert {one["name"] for one in found["findings"] if one["part"] == "service"} >= set(HEALTH)
    assert {consumer["state"] for service in found["services"] if service["state"] == "unknown"
            for consumer in service["consumers"]} == {"unknown"}
    assert states["job_api"] != "unknown"
    assert (found["machines"]["state"], found["leaked"]["state"], found["leaked"]["cost"]) == (
        "unknown", "unknown", None)
    assert (found["dead_letters"]["state"], found["queue"]["state"]) == ("known", "known")
    assert "provisioner" in found["unavailable"]["machines"]


async def test_only_for_whoever_runs_the_installation(alone) -> None:
    tenant = await alone.member(Role.ADMIN, workspace_id=uuid4())
    assert (await tenant.get("/operations")).status_code == 403
    owner = await alone.member(Role.OWNER)
    assert (await owner.get("/operations")).status_code == 403
    await tenant.aclose()
    await owner.aclose()
