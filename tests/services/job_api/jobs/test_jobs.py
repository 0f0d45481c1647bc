"""Creating, reading, editing and deleting jobs."""

from uuid import uuid4

import pytest

from services.job_api.jobs.schemas.jobs import JobView


async def test_a_new_job_shows_its_configuration_and_what_it_may_cost(api):
    file_id = await api.add_file()
    response = await api.client.post("/jobs", json={
        "training_file_id": file_id, "preset": "balanced", "hyperparameters": {"lora_rank": 8, "num_epochs": 2},
        "name": "First run", "tags": ["pilot", "pilot", " elena "], "notes": "n"})
    job = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/api/training/jobs/{job['id']}"
    JobView.model_validate(job)
    assert (job["status"], job["allowed_actions"]) == ("pending", ["start", "cancel", "delete"])
    assert job["tags"] == ["pilot", "elena"]
    assert [(d["field"], d["preset_value"], d["value"]) for d in job["differences_from_preset"]] == [
        ("lora_rank", 16, 8), ("lora_alpha", 32, 16), ("num_epochs", 3, 2)]
    assert (job["cost_estimate"], job["cost_estimate_micro_usd"]) == (0.75, 750_000)
    assert (job["gpu_type"], job["gpu_pricing_tier"], job["training_file_name"]) == ("local", "spot", "eq-12.json")
    assert await api.job(job["id"]) == job
    created = (await api.published("JOBS", f"job.created.{job['id']}", 1))[0]
    assert created.data.configuration["hyperparameters"]["lora_rank"] == 8
    assert [(row["seq"], row["type"]) for row in await api.log(job["id"])] == [(1, "job.created")]


async def test_a_job_without_a_name_gets_one(api):
    job = await api.new_job(preset="aggressive")
    assert job["name"].startswith("eq-12.json - aggressive ")
    assert job["differences_from_preset"] == []


async def test_a_job_is_created_without_a_figure_when_nobody_can_estimate(alone):
    job = await alone.new_job()
    assert (job["cost_estimate"], job["estimate"], job["status"]) == (None, None, "pending")


@pytest.mark.parametrize(("body", "field"), [
    ({"preset": "bold"}, "preset"),
    ({"hyperparameters": {"learning_rate": 1.0}}, "hyperparameters.learning_rate"),
    ({"hyperparameters": {"lora_ranks": 8}}, "hyperparameters.lora_ranks"),
    ({"hyperparameters": {"target_modules": ["q_proj", "nose"]}}, "hyperparameters.target_modules[1]"),
    ({"max_duration_s": 5}, "max_duration_s"),
    ({"name": "x" * 256}, "name"),
    ({"name": "a\x00b"}, "name"),
    ({"training_file_id": "7"}, "training_file_id"),
    ({"colour": "blue"}, "colour"),
])
async def test_a_wrong_value_is_named(api, body, field):
    file_id = await api.add_file()
    response = await api.client.post("/jobs", json={"training_file_id": file_id, **body})
    problem = response.json()
    assert response.status_code == 422, problem
    assert response.headers["content-type"] == "application/problem+json"
    assert [entry["field"] for entry in problem["errors"]] == [field]
    assert problem["errors"][0]["suggested_fix"]


async def test_a_job_needs_a_usable_file_of_its_own_workspace(api):
    foreign = uuid4()
    await api.member("engineer", workspace_id=foreign)
    for file_id in (str(uuid4()), await api.add_file(workspace_id=foreign)):
        response = await api.client.post("/jobs", json={"training_file_id": file_id})
        assert (response.status_code, response.json()["code"]) == (422, "training_file_not_found")
    broken = await api.add_file(status="invalid", error_count=3, name="broken.json")
    response = await api.client.post("/jobs", json={"training_file_id": broken})
    assert (response.status_code, response.json()["code"]) == (409, "training_file_invalid")
    assert "3 errors" in response.json()["detail"]
    assert response.headers["x-should-retry"] == "false"


async def test_name_notes_and_tags_can_be_edited_and_found(api):
    job = await api.new_job(name="Old", tags=["a"])
    response = await api.client.patch(f"/jobs/{job['id']}", json={"name": "Zebra", "tags": [], "notes": "Stripes"})
    assert response.status_code == 200
    assert (response.json()["name"], response.json()["tags"], response.json()["notes"]) == ("Zebra", [], "Stripes")
    for text, found in (("zebra", 1), ("STRIPES", 1), ("old", 0)):
        assert len((await api.client.get("/jobs", params={"q": text})).json()["data"]) == found
    assert (await api.client.patch(f"/jobs/{job['id']}", json={"name": ""})).status_code == 422
    assert (await api.client.patch(f"/jobs/{job['id']}", json={"status": "completed"})).status_code == 422


async def test_only_a_job_that_was_never_started_is_deleted(api):
    pending, started = await api.new_job(), await api.running_job()
    response = await api.client.delete(f"/jobs/{pending['id']}")
    assert response.json() == {"object": "training_job", "id": pending["id"], "deleted": True}
    assert (await api.client.get(f"/jobs/{pending['id']}")).status_code == 404
    assert (await api.published("JOBS", f"job.deleted.{pending['id']}", 1))[0].data.deleted_by
    refused = await api.client.delete(f"/jobs/{started['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
    assert refused.json()["allowed_actions"] == ["cancel", "pause"]


async def test_the_same_idempotency_key_creates_one_job(api):
    file_id, key = await api.add_file(), {"idempotency-key": str(uuid4())}
    body = {"training_file_id": file_id, "name": "once"}
    first = await api.client.post("/jobs", json=body, headers=key)
    again = await api.client.post("/jobs", json=body, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    other = await api.client.post("/jobs", json=body | {"name": "twice"}, headers=key)
    assert (other.status_code, other.headers["x-should-retry"]) == (409, "false")
    assert len((await api.client.get("/jobs")).json()["data"]) == 1


async def test_presets_and_estimates(api):
    presets = (await api.client.get("/presets")).json()["data"]
    assert [preset["name"] for preset in presets] == ["conservative", "balanced", "aggressive"]
    assert presets[0]["hyperparameters"]["lora_rank"] == 8
    file_id = await api.add_file()
    query = {"training_file_id": file_id, "preset": "aggressive", "lora_rank": 64, "gpu_pricing_tier": "on_demand"}
    response = await api.client.get("/cost-estimate", params=query)
    estimate = response.json()
    assert response.status_code == 200, estimate
    assert api.cost_guard.asked[-1].tokens == 24_310
    assert api.cost_guard.asked[-1].hyperparameters.lora_rank == 64
    assert (estimate["cost"]["expected"], estimate["budget"]["available"]) == (0.75, 500.0)
    assert estimate["differences_from_preset"][0] == {"field": "lora_rank", "preset_value": 32, "value": 64}
    assert estimate["tiers"][0]["gpu_pricing_tier"] == "on_demand"
    wrong = await api.client.get("/cost-estimate", params=query | {"learning_rate": 5})
    assert wrong.json()["errors"][0]["field"] == "learning_rate"


async def test_presets_that_a_client_has_are_not_sent_again(api):
    first = await api.client.get("/presets")
    again = await api.client.get("/presets", headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = await api.client.get("/presets", headers={"if-none-match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)
    nobody = await api.as_key("").get("/presets", headers={"if-none-match": first.headers["etag"]})
    assert nobody.status_code == 401
