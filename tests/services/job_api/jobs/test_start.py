"""Starting, cancelling and retrying: money first, one effect, refusals with a way out."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import func, select

from contracts.events import PodFailed, TrainingFailed
from contracts.local_base_model import SHIPPED_BASE_MODEL
from services.job_api.jobs.schemas.jobs import JobView
from services.job_api.tables import start_intents
from tests.services.job_api.waiting import eventually


async def test_a_start_reserves_the_money_and_asks_for_a_machine(api):
    job = await api.new_job(hyperparameters={"num_epochs": 1})
    response = await api.client.post(f"/jobs/{job['id']}/start")
    started = response.json()
    assert response.status_code == 200
    JobView.model_validate(started)
    assert (started["status"], started["allowed_actions"]) == ("queued", ["cancel", "pause"])
    assert started["status_reason"]["code"] == "queued"
    assert started["queued_at"]
    request = (await api.published("JOBS", f"job.start_requested.{job['id']}", 1))[0].data
    assert request.reservation_id == api.cost_guard.reserved[UUID(job["id"])]
    assert (request.training_file.key, request.training_file.tokens) == ("n", 24_310)
    assert (request.hyperparameters.num_epochs, request.estimated_cost_micro_usd) == (1, 750_000)
    assert request.base_model == str(SHIPPED_BASE_MODEL)
    assert request.cost_ceiling_micro_usd == 1_000_000
    assert [row["type"] for row in await api.log(job["id"])] == [
        "job.created", "job.status_changed", "job.start_requested"]


async def test_a_second_start_is_refused_for_good(api):
    job = await api.running_job()
    response = await api.client.post(f"/jobs/{job['id']}/start")
    problem = response.json()
    assert (response.status_code, problem["code"]) == (409, "invalid_transition")
    assert response.headers["x-should-retry"] == "false"
    assert (problem["allowed_actions"], problem["status_now"]) == (["cancel", "pause"], "queued")
    assert "retry" in problem["suggested_fix"]


async def test_many_starts_at_once_start_once(api):
    job = await api.new_job()
    answers = await asyncio.gather(*(api.client.post(f"/jobs/{job['id']}/start") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    await asyncio.sleep(0.3)
    requests = [row for row in await api.log(job["id"]) if row["type"] == "job.start_requested"]
    assert len(requests) == 1


async def test_a_budget_that_does_not_suffice_refuses_with_the_figures(api):
    job, file_id = await api.new_job(), await api.add_file()
    api.cost_guard.limit = 400_000
    response = await api.client.post(f"/jobs/{job['id']}/start")
    problem = response.json()
    assert (response.status_code, problem["code"]) == (402, "budget_exceeded")
    assert problem["budget"]["limit"] == 0.4
    assert problem["budget"]["needed_micro_usd"] == 1_000_000
    assert "PUT /api/training/budget" in problem["suggested_fix"]
    assert (await api.job(job["id"]))["status"] == "pending"
    refused = await api.client.post("/jobs", json={"training_file_id": file_id, "start": True, "name": "never"})
    assert refused.status_code == 402
    assert (await api.client.get("/jobs", params={"q": "never"})).json()["data"] == []
    await api.client.put("/budget", json={"limit": 100})
    assert (await api.client.post(f"/jobs/{job['id']}/start")).status_code == 200


async def test_without_an_answer_about_the_budget_nothing_starts(alone):
    job = await alone.new_job()
    response = await alone.client.post(f"/jobs/{job['id']}/start")
    assert (response.status_code, response.json()["code"]) == (503, "no_answer")
    assert response.headers["x-should-retry"] == "true"
    assert (await alone.job(job["id"]))["status"] == "pending"
    async with alone.others():
        assert (await alone.client.post(f"/jobs/{job['id']}/start")).status_code == 200


async def test_a_start_that_fails_gives_its_money_back_at_once(api, monkeypatch):
    job = await api.new_job()

    async def fail(*_args, **_kwargs):
        raise RuntimeError("between reservation and commit")

    with monkeypatch.context() as patch:
        patch.setattr("services.job_api.jobs.application.start_job.enqueue", fail)
        assert (await api.client.post(f"/jobs/{job['id']}/start")).status_code == 500
    assert api.cost_guard.reserve_calls == 1
    assert api.cost_guard.reserved == {}
    assert (await api.client.post(f"/jobs/{job['id']}/start")).status_code == 200
    assert api.cost_guard.reserved[UUID(job["id"])] == (await api.row(job["id"]))["reservation_id"]


async def test_a_second_start_during_the_first_is_told_to_wait(api):
    job, hold = await api.new_job(), asyncio.Event()
    original = api.cost_guard.reserve

    async def slow(request):
        await hold.wait()
        return await original(request)

    api.cost_guard.reserve_answer = slow
    first = asyncio.create_task(api.client.post(f"/jobs/{job['id']}/start"))
    await eventually(lambda: intents(api))
    second = await api.client.post(f"/jobs/{job['id']}/start")
    hold.set()
    problem = second.json()
    assert (second.status_code, problem["code"], problem["job_id"]) == (409, "start_in_progress", job["id"])
    assert (second.headers["x-should-retry"], second.headers["retry-after"]) == ("true", "2")
    assert (await first).status_code == 200
    assert await intents(api) == 0


async def intents(api):
    async with api.database.read() as tx:
        return (await tx.execute(select(func.count()).select_from(start_intents))).scalar_one()


async def test_cancelling_ends_a_job_at_once_and_stops_its_machine(api):
    job = await api.running_job()
    response = await api.client.post(f"/jobs/{job['id']}/cancel", json={"reason": "wrong file"})
    cancelled = response.json()
    assert (response.status_code, cancelled["status"], cancelled["allowed_actions"]) == (200, "cancelled", ["retry"])
    assert cancelled["completed_at"]
    assert (await api.published("JOBS", f"job.cancel_requested.{job['id']}", 1))[0].data.reason == "wrong file"
    assert (await api.published("JOBS", f"job.cancelled.{job['id']}", 1))[0].data.cancelled_by
    again = await api.client.post(f"/jobs/{job['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "invalid_transition")


async def test_a_pending_job_is_cancelled_without_bothering_the_provisioner(api):
    job = await api.new_job()
    assert (await api.client.post(f"/jobs/{job['id']}/cancel")).json()["status"] == "cancelled"
    assert "job.cancel_requested" not in [row["type"] for row in await api.log(job["id"])]


async def failed(api, error_type):
    job = await api.running_job(name="Elena", preset="conservative")
    await api.tell(TrainingFailed(**api.about(job), error_type=error_type, message="CUDA out of memory",
                                  suggested_fix="", retryable=False, failed_at=datetime.now(UTC)))
    return await api.until(job["id"], lambda job: job["status"] == "failed")


async def test_a_retry_is_a_new_job_with_the_change_that_answers_the_error(api):
    job = await failed(api, "out_of_memory")
    assert (job["error_type"], job["error_message"]) == ("out_of_memory", "CUDA out of memory")
    assert "Halve" in job["status_reason"]["suggested_fix"]
    response = await api.client.post(f"/jobs/{job['id']}/retry", json={"start": True})
    retry = response.json()
    assert (response.status_code, retry["status"], retry["retry_of"]) == (201, "queued", job["id"])
    assert retry["adjustments"] == [
        {"field": "per_device_train_batch_size", "from": 4, "to": 2},
        {"field": "gradient_accumulation_steps", "from": 1, "to": 2}]
    assert (retry["name"], retry["retry_count"]) == ("Elena (retry 1)", 1)
    assert (await api.job(job["id"]))["status"] == "failed"
    JobView.model_validate(retry)


async def test_a_retry_may_change_values_and_leave_out_the_adjustment(api):
    job = await failed(api, "out_of_memory")
    body = {"apply_adjustments": False, "hyperparameters": {"max_seq_length": 2048}, "gpu_pricing_tier": "on_demand"}
    retry = (await api.client.post(f"/jobs/{job['id']}/retry", json=body)).json()
    assert retry["adjustments"] == [{"field": "max_seq_length", "from": 4096, "to": 2048},
                                    {"field": "gpu_pricing_tier", "from": "spot", "to": "on_demand"}]
    wrong = await api.client.post(f"/jobs/{job['id']}/retry", json={"hyperparameters": {"lora_rank": 0}})
    assert wrong.json()["errors"][0]["field"] == "hyperparameters.lora_rank"


async def test_only_an_ended_job_is_retried(api):
    job = await api.running_job()
    response = await api.client.post(f"/jobs/{job['id']}/retry")
    assert (response.status_code, response.json()["code"]) == (409, "invalid_transition")
    await api.tell(PodFailed(**api.pod(job), error_type="provisioning", message="no capacity", suggested_fix=""))
    await api.until(job["id"], lambda job: job["status"] == "failed")
    assert (await api.client.post(f"/jobs/{job['id']}/retry")).status_code == 201


async def test_a_start_with_the_same_idempotency_key_is_answered_again(api):
    job, key = await api.new_job(), {"idempotency-key": str(uuid4())}
    first = await api.client.post(f"/jobs/{job['id']}/start", headers=key)
    again = await api.client.post(f"/jobs/{job['id']}/start", headers=key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert api.cost_guard.reserve_calls == 1
