"""What happens to jobs is counted once it is committed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from contracts import events
from contracts.envelope import new_event
from contracts.error_taxonomy import TrainingErrorType
from contracts.example_events import examples
from services.job_api.jobs.application.counting import show_figures
from services.job_api.jobs.application.record_event import record_event
from tests.services.job_api.jobs.house import House

MACHINE = {"pod_name": "a pod", "provider": "local", "gpu_type": "local", "pricing_tier": "spot"}


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def tell(house: House, job_id: UUID, stem: str, at: datetime, **changes: Any) -> None:
    data = examples()[stem].data.model_copy(
        update={"job_id": job_id, "workspace_id": house.caller.workspace_id, **changes})
    async with house.database.transaction() as tx:
        await record_event(tx, new_event(data, source="/test", time=at), house.limits)


async def test_a_recovery_is_measured_from_the_loss_to_the_next_step(house: House) -> None:
    job_id, now = await house.create(start=True), datetime.now(UTC)
    lost, back = now - timedelta(seconds=300), now - timedelta(seconds=180)
    before = value("brightrun_job_recovery_duration_seconds_sum")
    noticed = value("brightrun_job_interruptions_total", detected_by="sigterm")
    await tell(house, job_id, "training.progressed", lost - timedelta(seconds=9), attempt=1, step=3)
    for _ in range(2):  # the trainer and the provisioner tell of the same end
        await tell(house, job_id, "pod.interrupted", lost, attempt=1, detected_by=events.InterruptionSource.SIGTERM)
    await tell(house, job_id, "training.progressed", back, attempt=2, step=4)
    assert value("brightrun_job_recovery_duration_seconds_sum") - before == pytest.approx(120)
    assert value("brightrun_job_interruptions_total", detected_by="sigterm") - noticed == 1


async def test_ends_and_statuses_are_counted(house: House) -> None:
    job_id = await house.create(start=True)
    failed = value("brightrun_jobs_ended_total", outcome="failed")
    reason = value("brightrun_job_failures_total", error_type="dataset")
    queued = value("brightrun_job_status_duration_seconds_count", status="queued")
    await show_figures(house.database)
    assert value("brightrun_jobs", status="queued") == 1
    await tell(house, job_id, "training.failed", datetime.now(UTC), attempt=1, retryable=False,
               error_type=TrainingErrorType.DATASET)
    assert value("brightrun_jobs_ended_total", outcome="failed") - failed == 1
    assert value("brightrun_job_failures_total", error_type="dataset") - reason == 1
    assert value("brightrun_job_status_duration_seconds_count", status="queued") - queued == 1
    await show_figures(house.database)
    assert value("brightrun_jobs", status="queued") == 0


async def test_the_silence_of_a_training_job_is_shown(house: House) -> None:
    job_id = await house.create(start=True)
    await show_figures(house.database)
    assert value("brightrun_job_progress_age_seconds") == 0
    await tell(house, job_id, "training.progressed", datetime.now(UTC), attempt=1, step=3)
    await show_figures(house.database)
    assert 0 < value("brightrun_job_progress_age_seconds") < 60
    assert value("brightrun_jobs", status="training") == 1


async def test_warnings_are_counted_by_codes_that_are_known(house: House) -> None:
    job_id = await house.create(start=True)
    before = {code: value("brightrun_training_warnings_total", code=code) for code in ("steps_stalled", "other")}
    for code in ("steps_stalled", "invented"):
        await tell(house, job_id, "training.warning", datetime.now(UTC), attempt=1, code=code)
    after = {code: value("brightrun_training_warnings_total", code=code) for code in before}
    assert {code: after[code] - before[code] for code in before} == {"steps_stalled": 1, "other": 1}
