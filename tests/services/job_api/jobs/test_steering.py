"""Pause, resume and another tier over HTTP: money first, one start after the other, what the log says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.problems import ServiceUnavailable
from contracts import events
from contracts.gpus import GpuType, PricingTier
from contracts.identifiers import uuid7
from contracts.rpc.pods import CheckpointView
from services.job_api.edge.auth import Role

NOW = datetime(2026, 11, 28, tzinfo=UTC)
MACHINE: dict[str, Any] = {"gpu_type": GpuType.LOCAL, "pricing_tier": PricingTier.SPOT, "provider": "local"}


async def training(api, *, step: int = 120, saved: int | None = 100, **body: Any) -> dict[str, Any]:
    """A job whose first attempt trains."""
    job = await api.running_job(**body)
    await api.tell(events.PodRequested(**api.pod(job), **MACHINE))
    await api.tell(events.TrainingProgressed(**api.about(job), step=step, total_steps=300, epoch=1.2))
    if saved is not None:
        await api.tell(checkpoint(api, job, saved))
    return await api.until(job["id"], lambda now: now["status"] == "training"
                           and now["last_checkpoint_step"] == saved)


def checkpoint(api, job, step: int) -> events.CheckpointSaved:
    return events.CheckpointSaved(**api.about(job), step=step, bucket="b", prefix="p", manifest_key="k",
                                  manifest_sha256="0", files=(), size_bytes=0, saved_at=NOW)


async def ended(api, *, saved: int | None = 100) -> dict[str, Any]:
    job = await training(api, saved=saved)
    return (await api.client.post(f"/jobs/{job['id']}/cancel")).json()


async def messages(api, job) -> list[str]:
    return [row["message"] for row in await api.log(job["id"])]


async def test_a_pause_is_a_fact_at_once_and_names_the_start_that_it_ends(api) -> None:
    job = await training(api)
    paused = (await api.client.post(f"/jobs/{job['id']}/pause", json={"reason": "too dear today"})).json()
    assert (paused["status"], paused["status_reason"]["code"]) == ("paused", "pausing")
    assert paused["allowed_actions"] == ["resume", "cancel"]
    assert paused["resume_blocked_reason"] is None
    [wish] = await api.published("JOBS", f"job.pause_requested.{job['id']}", 1)
    assert (wish.data.run, wish.data.reason) == (1, "too dear today")
    await api.tell(events.TrainingPaused(**api.about(job), step=121, checkpoint_step=121, paused_at=NOW))
    await api.tell(checkpoint(api, job, 121))
    await api.tell(events.PodTerminated(**api.pod(job), **MACHINE, terminated_at=NOW, reason="paused by ada"))
    # The two events come by streams of their own, in either order.
    now = await api.until(job["id"], lambda now: "goes on from step 121" in now["status_reason"]["message"])
    assert now["status_reason"]["code"] == "paused"
    assert any("too dear today" in line for line in await messages(api, job))


async def test_a_resume_asks_for_what_remains_and_starts_again(api) -> None:
    job = await training(api)
    await api.client.post(f"/jobs/{job['id']}/pause")
    response = await api.client.post(f"/jobs/{job['id']}/resume", json={"gpu_pricing_tier": "on_demand"})
    resumed = response.json()
    assert (response.status_code, resumed["status"], resumed["gpu_pricing_tier"]) == (200, "queued", "on_demand")
    assert api.cost_guard.asked[-1].done_epochs == pytest.approx(1.0)  # 100 of 300 steps, 3 epochs
    starts = await api.published("JOBS", f"job.start_requested.{job['id']}", 2)
    assert [(start.data.run, start.data.pricing_tier.value) for start in starts] == [(1, "spot"), (2, "on_demand")]
    assert starts[0].data.reservation_id != starts[1].data.reservation_id
    await api.tell(events.PodRequested(**api.pod(job, 2), **MACHINE))
    now = await api.until(job["id"], lambda now: now["status"] == "provisioning")
    assert (now["attempt"], now["checkpoint_recovery_count"]) == (2, 0)


async def test_a_resume_without_a_yes_leaves_the_job_paused(api) -> None:
    job = await training(api)
    await api.client.post(f"/jobs/{job['id']}/pause")
    api.cost_guard.limit = 1
    refused = await api.client.post(f"/jobs/{job['id']}/resume")
    assert (refused.status_code, refused.json()["code"]) == (402, "budget_exceeded")

    async def away(request: Any) -> Any:
        raise ServiceUnavailable("away")

    api.cost_guard.limit, api.cost_guard.reserve_answer = 500_000_000, away
    assert (await api.client.post(f"/jobs/{job['id']}/resume")).status_code == 503
    assert (await api.job(job["id"]))["status"] == "paused"


async def test_another_tier_leads_through_a_recovery_that_counts_as_none(api) -> None:
    job = await training(api)
    body = {"pricing_tier": "on_demand", "reason": "in a hurry"}
    answer = await api.client.post(f"/jobs/{job['id']}/tier", json=body)
    changed = answer.json()
    assert (answer.status_code, changed["status"], changed["gpu_pricing_tier"]) == (200, "recovering", "on_demand")
    assert changed["configuration"]["gpu_pricing_tier"] == "on_demand"
    assert api.cost_guard.asked[-1].pricing_tier is PricingTier.ON_DEMAND
    starts = await api.published("JOBS", f"job.start_requested.{job['id']}", 2)
    assert (starts[1].data.run, starts[1].data.pricing_tier) == (2, PricingTier.ON_DEMAND)
    assert any("from spot to on_demand" in line and "in a hurry" in line for line in await messages(api, job))
    await api.tell(events.TrainingResumed(**api.about(job, 2), resumed_from_step=100, checkpoint_attempt=1))
    await api.tell(events.TrainingProgressed(**api.about(job, 2), step=101, total_steps=300, epoch=1.01))
    now = await api.until(job["id"], lambda now: now["attempt"] == 2 and now["status"] == "training")
    assert (now["checkpoint_recovery_count"], now["retry_count"]) == (0, 0)


async def test_a_tier_that_the_budget_refuses_changes_nothing(api) -> None:
    job = await training(api)
    api.cost_guard.limit = 1
    refused = await api.client.post(f"/jobs/{job['id']}/tier", json={"pricing_tier": "on_demand"})
    assert (refused.status_code, refused.json()["code"]) == (402, "budget_exceeded")
    now = await api.job(job["id"])
    assert (now["status"], now["gpu_pricing_tier"]) == ("training", "spot")
    same = await api.client.post(f"/jobs/{job['id']}/tier", json={"pricing_tier": "spot"})
    assert (same.status_code, same.json()["code"]) == (409, "tier_unchanged")


@pytest.mark.parametrize(("action", "body"), [
    ("pause", None), ("resume", None), ("tier", {"pricing_tier": "on_demand"}), ("continue", None)])
async def test_what_is_not_possible_says_what_is(api, action: str, body: dict[str, Any] | None) -> None:
    job = await api.new_job()
    refused = await api.client.post(f"/jobs/{job['id']}/{action}", json=body)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "invalid_transition")
    assert problem["allowed_actions"] == ["start", "cancel", "delete"]
    stranger = await api.member(Role.ENGINEER, workspace_id=uuid7())
    assert (await stranger.post(f"/jobs/{job['id']}/{action}", json=body)).status_code == 404


async def test_a_paused_job_is_cancelled_and_its_machine_is_told(api) -> None:
    job = await training(api)
    await api.client.post(f"/jobs/{job['id']}/pause")
    cancelled = (await api.client.post(f"/jobs/{job['id']}/cancel")).json()
    assert (cancelled["status"], cancelled["allowed_actions"]) == ("cancelled", ["retry", "continue"])
    await api.published("JOBS", f"job.cancel_requested.{job['id']}", 1)
    await api.tell(events.CostUpdated(
        job_id=job["id"], workspace_id=api.workspace_id, cost_micro_usd=310_000, billed_seconds=60, running=False,
        final=True, outcome="cancelled", as_of=NOW))
    await api.until(job["id"], lambda now: now["cost_is_final"])
    assert "Cancelled; final cost $0.31." in await messages(api, job)


def saved_at(step: int) -> CheckpointView:
    return CheckpointView(attempt=1, step=step, size_bytes=7, saved_at=NOW)


async def test_a_job_goes_on_from_the_checkpoint_of_another_with_changed_settings(api) -> None:
    job = await ended(api)
    api.checkpoints.append(saved_at(100))
    body = {"remaining_epochs": 1, "gpu_pricing_tier": "on_demand", "start": True,
            "hyperparameters": {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 16}}
    answer = await api.client.post(f"/jobs/{job['id']}/continue", json=body)
    new = answer.json()
    assert answer.status_code == 201, new
    assert (new["continues"], new["continues_from_step"], new["status"]) == (job["id"], 100, "queued")
    assert new["configuration"]["hyperparameters"]["num_epochs"] == 2  # one is behind, one remains
    assert {change["field"] for change in new["adjustments"]} >= {"num_epochs", "gpu_pricing_tier"}
    assert api.cost_guard.asked[-1].done_epochs == pytest.approx(1.0)
    [start] = await api.published("JOBS", f"job.start_requested.{new['id']}", 1)
    assert str(start.data.continues) == job["id"]
    assert (await api.job(job["id"]))["continued_by"] == [new["id"]]


async def test_what_cannot_be_continued_says_why(api) -> None:
    without = await ended(api, saved=None)
    assert "No checkpoint was saved" in without["resume_blocked_reason"]
    refused = (await api.client.post(f"/jobs/{without['id']}/continue")).json()
    assert (refused["code"], "No checkpoint" in refused["detail"]) == ("not_continuable", True)
    job = await ended(api)
    gone = (await api.client.post(f"/jobs/{job['id']}/continue")).json()
    assert (gone["code"], "deleted" in gone["detail"]) == ("not_continuable", True)
    api.checkpoints.append(saved_at(100))
    for values in ({"lora_rank": 8}, {"seed": 1}, {"max_seq_length": 512}, {"num_epochs": 9}):
        fixed = await api.client.post(f"/jobs/{job['id']}/continue", json={"hyperparameters": values})
        assert (fixed.status_code, fixed.json()["code"]) == (409, "not_continuable")
        assert next(iter(values)) in fixed.json()["detail"]
    many = await api.client.post(f"/jobs/{job['id']}/continue", json={"remaining_epochs": 50})
    assert "51" in many.json()["detail"]


async def test_expired_checkpoints_end_the_offer(api) -> None:
    job = await ended(api)
    assert job["allowed_actions"] == ["retry", "continue"]
    await api.tell(events.CheckpointExpired(job_id=job["id"], workspace_id=api.workspace_id, expired_at=NOW))
    now = await api.until(job["id"], lambda now: now["allowed_actions"] == ["retry"])
    assert "were deleted" in now["resume_blocked_reason"]


async def test_a_pause_leaves_its_place_to_the_next_and_is_repeated_by_its_key(api) -> None:
    job = await training(api)
    headers = {"idempotency-key": "pause-once-please"}
    first = await api.client.post(f"/jobs/{job['id']}/pause", headers=headers)
    again = await api.client.post(f"/jobs/{job['id']}/pause", headers=headers)
    assert (first.status_code, again.status_code, again.json()["id"]) == (200, 200, job["id"])
    assert first.json() == again.json()
