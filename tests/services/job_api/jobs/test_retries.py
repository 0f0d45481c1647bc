"""A retry is proposed, with its differences, and starts only when it is confirmed; how it went is remembered."""

from datetime import UTC, datetime
from uuid import uuid4

from contracts.events import PodFailed, TrainingCompleted
from services.job_api.jobs.schemas.jobs import JobView
from services.job_api.jobs.schemas.retries import RetryProposal
from tests.services.job_api.jobs.test_errors import failed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def lost_capacity(api):
    return await failed(api, PodFailed, error_type="provisioning", error_code="no_gpu_capacity",
                        context={"waited_h": 24.0})


async def jobs(api):
    return (await api.client.get("/jobs")).json()["data"]


async def completed(api, job):
    await api.tell(TrainingCompleted(
        **api.about(job), bucket="b", artifacts=({"path": "adapter_model.safetensors", "key": "k", "size_bytes": 1,
                                                  "sha256": "0"},),
        base_model="base", total_steps=30, epochs=2, training_seconds=1, completed_at=NOW))
    return await api.until(job["id"], lambda job: job["status"] == "completed")


async def test_a_proposal_tells_every_difference_and_creates_nothing(api):
    job = await lost_capacity(api)
    response = await api.client.post(f"/jobs/{job['id']}/retry", json={"confirm": False})
    proposal = response.json()
    assert response.status_code == 200
    RetryProposal.model_validate(proposal)
    assert proposal["differences"] == [{"field": "gpu_pricing_tier", "from": "spot", "to": "on_demand"}]
    assert (proposal["follows_suggestion"], proposal["error"]["code"]) == (True, "no_gpu_capacity")
    assert (proposal["name"], proposal["cost_estimate"]) == ("Elena (retry 1)", 0.75)
    assert proposal["configuration"]["gpu_pricing_tier"] == "on_demand"
    assert [item["id"] for item in await jobs(api)] == [job["id"]]
    assert len(api.cost_guard.reserved) == 1


async def test_a_confirmed_retry_is_what_was_proposed_and_starts(api):
    job, key = await lost_capacity(api), {"idempotency-key": str(uuid4())}
    proposal = (await api.client.post(f"/jobs/{job['id']}/retry", json={"confirm": False})).json()
    response = await api.client.post(f"/jobs/{job['id']}/retry", json={"confirm": True}, headers=key)
    retry = response.json()
    JobView.model_validate(retry)
    assert (response.status_code, retry["status"], retry["retry_of"]) == (201, "queued", job["id"])
    assert (retry["adjustments"], retry["configuration"]) == (proposal["differences"], proposal["configuration"])
    assert retry["retry_suggestion"] == {
        "error_code": "no_gpu_capacity", "followed": True,
        "edits": [{"field": "gpu_pricing_tier", "from": "spot", "to": "on_demand"}]}
    again = await api.client.post(f"/jobs/{job['id']}/retry", json={"confirm": True}, headers=key)
    assert again.json() == retry
    assert len(await jobs(api)) == 2


async def test_what_the_user_wants_goes_before_what_is_suggested(api):
    job = await failed(api, error_type="diverged", error_code="loss_not_finite")
    assert job["error"]["suggested_edits"] == [{"field": "learning_rate", "from": 1e-4, "to": 5e-5}]
    body = {"confirm": False, "hyperparameters": {"learning_rate": 7e-5, "num_epochs": 1}, "max_duration_s": 7200}
    proposal = (await api.client.post(f"/jobs/{job['id']}/retry", json=body)).json()
    assert {item["field"]: item["to"] for item in proposal["differences"]} == {
        "learning_rate": 7e-5, "num_epochs": 1, "max_duration_s": 7200}
    assert proposal["follows_suggestion"] is False
    retry = (await api.client.post(f"/jobs/{job['id']}/retry", json=body | {"confirm": True})).json()
    assert (retry["retry_suggestion"]["followed"], retry["configuration"]["max_duration_s"]) == (False, 7200)
    as_it_was = {"confirm": False, "apply_adjustments": False}
    assert (await api.client.post(f"/jobs/{job['id']}/retry", json=as_it_was)).json()["differences"] == []


async def test_without_a_word_about_it_nothing_starts_and_nothing_gets_dearer(api):
    """As releases before: the new job waits, and only hyperparameters are changed by themselves."""
    job = await lost_capacity(api)
    retry = (await api.client.post(f"/jobs/{job['id']}/retry")).json()
    assert (retry["status"], retry["gpu_pricing_tier"], retry["adjustments"]) == ("pending", "spot", [])
    assert retry["retry_suggestion"]["followed"] is False


async def test_a_completed_job_has_nothing_to_correct(api):
    job = await completed(api, await api.running_job())
    proposal = (await api.client.post(f"/jobs/{job['id']}/retry", json={"confirm": False})).json()
    assert (proposal["error"], proposal["differences"], proposal["follows_suggestion"]) == (None, [], False)
    retry = (await api.client.post(f"/jobs/{job['id']}/retry", json={"confirm": True})).json()
    assert (retry["status"], retry["retry_suggestion"]) == ("queued", None)


async def test_a_proposal_is_refused_like_the_retry_itself(api):
    job = await api.running_job()
    refused = await api.client.post(f"/jobs/{job['id']}/retry", json={"confirm": False})
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
    stranger = await api.client.post(f"/jobs/{uuid4()}/retry", json={"confirm": False})
    assert (stranger.status_code, stranger.json()["code"]) == (404, "job_not_found")


async def test_how_suggestions_went_is_shown_with_the_next_proposal(api):
    first, second = await lost_capacity(api), await lost_capacity(api)
    retry = (await api.client.post(f"/jobs/{first['id']}/retry", json={"confirm": True})).json()
    path = f"/jobs/{second['id']}/retry"
    before = (await api.client.post(path, json={"confirm": False})).json()["suggestion_success"]
    assert before == {"retries": 1, "ended": 0, "completed": 0, "success_rate": None}
    await completed(api, retry)
    after = (await api.client.post(path, json={"confirm": False})).json()["suggestion_success"]
    assert after == {"retries": 1, "ended": 1, "completed": 1, "success_rate": 1.0}
