"""A failed job says why, with its own numbers, and what to change."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import update

from contracts.events import PodFailed, TrainingCompleted, TrainingFailed
from services.job_api.jobs.schemas.jobs import JobView
from services.job_api.tables import training_jobs

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def failed(api, kind=TrainingFailed, *, job=None, traceparent=None, **values):
    """A job that failed with these values of the event."""
    job = job or await api.running_job(name="Elena", preset="conservative")
    about = api.about(job) if kind is TrainingFailed else api.pod(job)
    extra = {"retryable": False, "failed_at": NOW} if kind is TrainingFailed else {}
    data = kind(**about, **({"message": "It failed.", "suggested_fix": ""} | extra | values))
    await api.tell(data, traceparent=traceparent)
    return await api.until(job["id"], lambda job: job["status"] == "failed")


async def test_the_catalogue_speaks_with_the_jobs_numbers(api):
    job = await failed(api, error_type="out_of_memory", error_code="gpu_out_of_memory", context={
        "longest_conversation": "conversation 7", "longest_conversation_tokens": 3888, "memory_used_gb": 79.1,
        "memory_total_gb": 79.6, "versions": {"torch": "2.13.0"}})
    JobView.model_validate(job)
    error = job["error"]
    assert (error["code"], error["class"], error["error_type"], error["retryable"]) == (
        "gpu_out_of_memory", "user", "out_of_memory", False)
    assert error["likely_cause"].startswith("An adapter of rank 8 on shipped with conversations of up to 4,096 tokens.")
    assert "The longest, conversation 7, has 3,888 tokens." in error["likely_cause"]
    assert error["suggested_edits"] == [
        {"field": "per_device_train_batch_size", "from": 4, "to": 2},
        {"field": "gradient_accumulation_steps", "from": 1, "to": 2}]
    assert (error["docs_url"], error["detail"]) == ("/api/training/errors#gpu_out_of_memory", "It failed.")
    told = (await api.published("JOBS", f"job.failed.{job['id']}", 1))[0].data
    assert (told.error_code, told.context["longest_conversation_tokens"]) == ("gpu_out_of_memory", 3888)
    listed = (await api.client.get("/jobs")).json()["data"]
    assert [item["error"] for item in listed] == [error]


async def test_an_event_of_an_older_release_is_told_by_its_type_and_words(api):
    old = await failed(api, PodFailed, error_type="provisioning", message="no machine")
    assert old["error"]["code"] == "provisioning_timeout"
    full = await failed(api, error_type="unknown", message="OSError: No space left on device")
    assert (full["error_type"], full["error"]["code"]) == ("unknown", "disk_full")


async def test_a_row_of_an_older_release_is_told_as_well(api):
    job = await failed(api, PodFailed, error_type="network", error_code="interrupted_too_often",
                       context={"interruptions": 11})
    assert job["error"]["suggested_edits"] == [{"field": "gpu_pricing_tier", "from": "spot", "to": "on_demand"}]
    assert "11 interruptions" in job["error"]["likely_cause"]
    async with api.database.transaction() as tx:
        await tx.execute(update(training_jobs).where(training_jobs.c.id == UUID(job["id"])).values(
            error_code=None, error_facts={}))
    assert (await api.job(job["id"]))["error"]["code"] == "network_lost"


async def test_who_did_not_fail_has_no_error(api):
    job = await api.running_job()
    assert (await api.job(job["id"]))["error"] is None
    await api.tell(TrainingCompleted(
        **api.about(job), bucket="b", artifacts=({"path": "adapter_model.safetensors", "key": "k", "size_bytes": 1,
                                                  "sha256": "0"},),
        base_model="base", total_steps=30, epochs=2, training_seconds=1, completed_at=NOW))
    assert (await api.until(job["id"], lambda job: job["status"] == "completed"))["error"] is None


async def test_each_entry_of_the_log_has_its_trace(api):
    job = await api.new_job()
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    await api.client.post(f"/jobs/{job['id']}/start", headers=headers)
    rows = await api.log(job["id"])
    started = next(row for row in rows if row["type"] == "job.start_requested")
    assert started["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
