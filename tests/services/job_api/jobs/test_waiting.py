"""A job that waits for something that never comes ends with a reason that a person understands."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, update

from chassis.messaging.bus import Bus
from chassis.settings import ServiceSettings
from contracts import events
from contracts.job_status import JobStatus
from contracts.streams import consumers_of
from services.job_api.jobs.application.waiting import fail_overdue
from services.job_api.jobs.backlog import EventBacklog
from services.job_api.jobs.domain.queue import QueueLimits
from services.job_api.settings import Settings
from services.job_api.tables import training_jobs
from tests.services.job_api.jobs.test_events import MACHINE
from tests.services.job_api.waiting import eventually

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANY_NUMBER = QueueLimits()
LIMITS = Settings(database_url="x").waiting_limits
CODES = {"queued": "no_machine_requested", "provisioning": "no_machine", "preprocessing": "stage_stalled",
         "model_loading": "stage_stalled", "finalization": "stage_stalled", "recovering": "not_resumed",
         "paused": "paused_too_long"}


async def heard() -> bool:
    return True


async def brought_to(api, status):
    """A running job in this status."""
    job = await api.running_job()
    if status == "paused":
        await api.client.post(f"/jobs/{job['id']}/pause")
    elif status == "provisioning":
        await api.tell(events.PodRequested(**api.pod(job), **MACHINE))
    elif status == "recovering":
        await api.tell(events.PodInterrupted(**api.pod(job), detected_by="provider", interrupted_at=NOW))
    elif status != "queued":
        await api.tell(events.TrainingStageChanged(**api.about(job), stage=status))
    return await api.until(job["id"], lambda job: job["status"] == status)


async def age(api, job, by):
    async with api.database.transaction() as tx:
        await tx.execute(update(training_jobs).where(training_jobs.c.id == UUID(job["id"])).values(
            status_since=func.now() - by))


@pytest.mark.parametrize("status", CODES)
async def test_a_job_that_waits_too_long_is_given_up(api, status):
    job = await brought_to(api, status)
    limit = LIMITS[JobStatus(status)]
    await age(api, job, limit - timedelta(minutes=1))
    assert await fail_overdue(api.database, LIMITS, ANY_NUMBER, heard) == 0
    await age(api, job, limit + timedelta(minutes=1))
    assert await fail_overdue(api.database, LIMITS, ANY_NUMBER, heard) == 1
    failed = await api.job(job["id"])
    reason = failed["status_reason"]
    assert (failed["status"], reason["code"], failed["allowed_actions"]) == ("failed", CODES[status], ["retry"])
    assert failed["error_message"] == reason["message"]
    assert reason["suggested_fix"]
    assert failed["completed_at"]
    told = (await api.published("JOBS", f"job.failed.{job['id']}", 1))[0].data  # cost_guard frees the money by this
    assert (told.message, told.suggested_fix) == (reason["message"], reason["suggested_fix"])
    assert failed["error"]["code"] == told.error_code == {"no_machine": "provisioning_timeout"}.get(
        CODES[status], CODES[status])
    assert [row["type"] for row in await api.log(job["id"])][-2:] == ["job.status_changed", "job.failed"]
    assert await fail_overdue(api.database, LIMITS, ANY_NUMBER, heard) == 0
    await api.tell(events.TrainingProgressed(**api.about(job), step=1, total_steps=2, epoch=0))
    told = await api.tell(events.TrainingWarning(**api.about(job), code="late", message="late"))
    await eventually(lambda: api.was_taken(told))
    assert (await api.job(job["id"]))["status"] == "failed"


async def test_training_itself_and_what_has_ended_have_no_such_limit(api):
    training, pending, ended = await brought_to(api, "training"), await api.new_job(), await api.running_job()
    await api.client.post(f"/jobs/{ended['id']}/cancel")
    for job in (training, pending, ended):
        await age(api, job, timedelta(days=365))
    assert await fail_overdue(api.database, LIMITS, ANY_NUMBER, heard) == 0


async def test_every_change_of_the_status_begins_anew(api):
    job = await brought_to(api, "queued")
    await age(api, job, timedelta(days=2))
    await api.tell(events.PodRequested(**api.pod(job), **MACHINE))
    await api.until(job["id"], lambda job: job["status"] == "provisioning")
    assert await fail_overdue(api.database, LIMITS, ANY_NUMBER, heard) == 0
    await api.client.patch(f"/jobs/{job['id']}", json={"notes": "an edit is no change of the status"})
    assert (await api.row(job["id"]))["status_since"] < (await api.row(job["id"]))["updated_at"]


async def test_while_events_wait_to_be_heard_nobody_is_given_up(api):
    job = await brought_to(api, "queued")
    await age(api, job, timedelta(days=2))

    async def behind() -> bool:
        return False

    assert await fail_overdue(api.database, LIMITS, ANY_NUMBER, behind) == 0
    assert (await api.job(job["id"]))["status"] == "queued"


async def test_several_replicas_give_a_job_up_once(api):
    job = await brought_to(api, "queued")
    await age(api, job, timedelta(days=2))
    done = await asyncio.gather(*(fail_overdue(api.database, LIMITS, ANY_NUMBER, heard) for _ in range(4)))
    assert sum(done) == 1
    assert [row["type"] for row in await api.log(job["id"])].count("job.failed") == 1


async def test_a_backlog_is_known(alone, topology):
    bus = Bus(ServiceSettings(service_name="job_api", nats_url=topology.url))
    backlog = EventBacklog(bus, consumers_of("job_api"))
    assert await backlog.is_empty() is False  # not connected
    await bus.start()
    assert await backlog.is_empty() is True
    await alone.app.state.runtime.bus.stop()  # nobody takes what comes now
    await alone.tell(events.TrainingWarning(
        job_id=UUID(int=1), workspace_id=UUID(int=2), attempt=1, code="w", message="m"))
    assert await backlog.is_empty() is False
    await bus.stop()


def test_every_wait_that_can_last_for_ever_has_a_limit() -> None:
    moving = {JobStatus.TRAINING}  # max_duration_s
    active = {JobStatus(status) for status in CODES} | moving
    assert set(LIMITS) == active - moving
    assert LIMITS[JobStatus.PROVISIONING] > timedelta(hours=24)  # so long the provisioner waits for capacity
