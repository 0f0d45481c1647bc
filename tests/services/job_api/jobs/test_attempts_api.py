"""An interrupted job as its user sees it: what is safe, what is done again, and what the attempts cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from contracts import events
from contracts.identifiers import uuid7
from contracts.rpc.costs import MachineCost
from services.job_api.edge.auth import Role
from services.job_api.jobs.schemas.attempts import AttemptList
from tests.services.job_api.jobs.test_log import progress, settled

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MACHINE = {"provider": "runpod", "gpu_type": "h100_pcie_80gb", "pricing_tier": "spot"}


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def running(api, job, attempt, minutes):
    return events.PodRunning(**api.pod(job, attempt), **MACHINE, provider_pod_id="p", running_since=at(minutes),
                             gpu_model="NVIDIA H100 80GB HBM3", rate_micro_usd_per_hour=1_800_000)


def checkpoint(api, job, attempt, step):
    return events.CheckpointSaved(**api.about(job, attempt), step=step, bucket="b", prefix="p", manifest_key="k",
                                  manifest_sha256="0", files=(), size_bytes=1, saved_at=NOW)


async def interrupted_job(api):
    """The first machine is lost at step 60; the second goes on from step 40 and has caught up."""
    job = await api.running_job()
    pod, about = api.pod(job, 1), api.about(job, 2)
    history = [
        (0, events.PodRequested(**pod, **MACHINE)), (1, running(api, job, 1, 1)), (2, progress(api, job, 1)),
        (5, checkpoint(api, job, 1, 40)), (8, progress(api, job, 60, eta_s=240)),
        (8.1, events.PodInterrupted(**pod, detected_by="sigterm", reason="SIGTERM", interrupted_at=at(8))),
        (8.2, events.PodRequested(**api.pod(job, 2), **MACHINE)), (10, running(api, job, 2, 10)),
    ]
    later = [(12, events.TrainingResumed(**about, resumed_from_step=40, checkpoint_attempt=1)),
             (12.2, progress(api, job, 41, attempt=2)), (13, progress(api, job, 50, attempt=2)),
             (14, progress(api, job, 60, attempt=2)), (15, progress(api, job, 65, attempt=2))]
    return job, history, later


async def tell(api, history):
    for minutes, data in history:
        # In this order: each is taken before the next is told.
        await settled(api, await api.tell(data, time=at(minutes)))


async def test_progress_stands_at_what_is_safe_and_the_log_has_the_moment_of_catching_up(api):
    job, history, later = await interrupted_job(api)
    await tell(api, history)
    shown = await api.job(job["id"])
    assert (shown["status"], shown["progress_percentage"]) == ("provisioning", 42.0)
    assert shown["progress"] == {
        "percentage": 42.0, "step": 40, "total_steps": 100, "safe_step": 40, "redoing_from": 40, "redoing_to": 60,
        "message": "Steps 41 to 60 are done again; step 40 is safe."}
    assert shown["interruptions"] == {"count": 1, "sentence": "Interrupted 1x, resumed."}
    assert shown["estimated_time_remaining_seconds"] == 60 + 60 * 6  # a start took a minute, a step six seconds
    await tell(api, later)
    shown = await api.job(job["id"])
    assert (shown["progress"]["redoing_to"], shown["progress"]["step"], shown["progress"]["message"]) == (None, 65, "")
    steps = [row["payload"]["step"] for row in await api.log(job["id"])
             if row["type"] == "training.progressed" and row["attempt"] == 2]
    assert steps == [41, 60]  # the first, and the one that has caught up


async def test_attempts_with_their_machines_and_losses(api):
    job, history, later = await interrupted_job(api)
    await tell(api, [*history, *later])
    machine = {"pricing_tier": "spot", "gpu_model": "NVIDIA H100 80GB HBM3", "rate_micro_usd_per_hour": 1_800_000,
               "rate_source": "provider", "on_demand_micro_usd_per_hour": 3_600_000}
    api.cost_guard.machines = (
        MachineCost(**machine, attempt=1, since=at(1), until=at(9), cost_micro_usd=240_000),
        MachineCost(**machine, attempt=2, since=at(10), until=at(16), cost_micro_usd=180_000))
    answer = await api.client.get(f"/jobs/{job['id']}/attempts")
    assert answer.status_code == 200
    found = AttemptList.model_validate(answer.json())
    first, second = found.data
    assert (first.outcome, first.cause_code, first.from_step, first.to_step) == (
        "interrupted", "machine_taken_back", 0, 60)
    assert (first.steps_lost, first.minutes_lost, first.lost_micro_usd) == (20, 6.0, 30_000 + 4 * 30_000)
    assert (second.outcome, second.resumed_from_step, second.from_step, second.to_step, second.steps_redone) == (
        "running", 40, 40, 65, 20)
    assert (second.gpu_model, second.rate_per_hour, second.on_demand_per_hour, second.cost) == (
        "NVIDIA H100 80GB HBM3", 1.8, 3.6, 0.18)
    totals = found.totals
    assert (totals.interruptions, totals.steps_redone, totals.cost_micro_usd) == (1, 20, 420_000)
    assert totals.saved_micro_usd == (8 + 6 - 5) * 60_000 - 420_000
    assert totals.sentence == (
        "Interrupted 1x, resumed; 20 steps done again, 6.0 minutes and $0.15 lost; $0.12 saved against on-demand.")


async def test_a_job_that_never_ran_has_no_attempts(api):
    job = await api.new_job()
    found = AttemptList.model_validate((await api.client.get(f"/jobs/{job['id']}/attempts")).json())
    assert (found.data, found.totals.sentence, found.totals.saved_micro_usd) == ([], "", None)


async def test_another_workspaces_job_is_not_found(api):
    job = await api.new_job()
    stranger = await api.member(Role.ANALYST, workspace_id=uuid7())
    assert (await stranger.get(f"/jobs/{job['id']}/attempts")).status_code == 404


async def test_without_the_money_there_is_no_answer(alone):
    async with alone.others():
        job = await alone.new_job()
    answer = await alone.client.get(f"/jobs/{job['id']}/attempts")
    assert answer.status_code == 503
