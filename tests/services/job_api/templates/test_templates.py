"""Templates over REST: made, saved from a job, shared, used, counted, and nobody else's."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from services.job_api.edge.auth import Role
from services.job_api.tables import training_files, training_jobs
from services.job_api.templates.domain.built_in import BUILT_IN
from services.job_api.templates.schemas import TemplateList, TemplateView

QUICK, STANDARD, BEST = (str(template.id) for template in BUILT_IN)


async def new_template(user, **body):
    answer = await user.post("/templates", json={"name": "Mine", **body})
    assert answer.status_code == 201, answer.text
    TemplateView.model_validate(answer.json())
    assert answer.headers["location"] == f"/api/training/templates/{answer.json()['id']}"
    return answer.json()


async def walk(client, **params):
    """All templates over all pages."""
    found = []
    while True:
        answer = await client.get("/templates", params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        TemplateList.model_validate(page)
        found += page["data"]
        if not page["has_more"]:
            return found
        params = {**params, "after": page["next_cursor"]}


async def test_the_products_own_are_in_every_workspace(api) -> None:
    stranger = await api.member(Role.ANALYST, workspace_id=uuid4())
    for client, actions in ((api.client, ["use"]), (stranger, [])):
        found = await walk(client)
        assert [each["id"] for each in found] == [QUICK, STANDARD, BEST]
        for each in found:
            assert (each["visibility"], each["created_by"], each["allowed_actions"]) == ("built_in", None, actions)
            assert each["resulting_hyperparameters"]["num_epochs"] == {QUICK: 1, STANDARD: 3, BEST: 4}[each["id"]]
    for change in (api.client.patch(f"/templates/{QUICK}", json={"name": "x"}),
                   api.client.delete(f"/templates/{QUICK}")):
        answer = await change
        assert (answer.status_code, answer.json()["code"]) == (409, "template_built_in")


async def test_a_template_is_kept_changed_and_deleted(api) -> None:
    file_id = await api.add_file()
    made = await new_template(
        api.client, name=" Elena ", description="d", preset="balanced", hyperparameters={"num_epochs": 2},
        gpu_pricing_tier="auto", max_duration_s=7200, training_file_id=file_id, notes="n", tags=["t"], client="Acme")
    assert (made["name"], made["visibility"]) == ("Elena", "private")
    assert made["allowed_actions"] == ["use", "edit", "delete"]
    assert made["differences_from_preset"] == [{"field": "num_epochs", "preset_value": 3, "value": 2}]
    path = f"/templates/{made['id']}"
    assert (await api.client.get(path)).json() == made
    edited = (await api.client.patch(path, json={
        "name": "Elena 2", "training_file_id": None, "hyperparameters": {}, "visibility": "shared"})).json()
    assert edited == made | {
        "name": "Elena 2", "training_file_id": None, "hyperparameters": {}, "visibility": "shared",
        "differences_from_preset": [], "updated_at": edited["updated_at"],
        "resulting_hyperparameters": made["resulting_hyperparameters"] | {"num_epochs": 3}}
    assert (await api.client.delete(path)).json() == {"object": "template", "id": made["id"], "deleted": True}
    assert (await api.client.get(path)).json()["code"] == "template_not_found"


@pytest.mark.slow
async def test_what_no_job_could_have_is_refused(api) -> None:
    made = await new_template(api.client, hyperparameters={"lora_rank": 200})
    for body in ({"name": ""}, {"name": "x", "preset": "reckless"}, {"name": "x", "hyperparameters": {"lora_rank": 0}},
                 {"name": "x", "training_file_id": str(uuid4())}, {"name": "x", "visibility": "built_in"},
                 {"name": "x", "hyperparameters": {"colour": 1}}):
        assert (await api.client.post("/templates", json=body)).status_code == 422, body
        assert (await api.client.patch(f"/templates/{made['id']}", json=body)).status_code == 422, body
    assert (await api.client.get(f"/templates/{made['id']}")).json() == made


async def test_private_is_private_and_shared_is_changed_by_its_maker_and_admins(api) -> None:
    ada, bob, reader = [await api.member(role) for role in (Role.ENGINEER, Role.ENGINEER, Role.ANALYST)]
    private, shared = await new_template(ada), await new_template(ada, name="Ours", visibility="shared")
    assert {each["name"] for each in await walk(ada)} >= {"Mine", "Ours"}
    for other in (bob, reader, api.client):
        assert "Mine" not in {each["name"] for each in await walk(other)}
        assert (await other.get(f"/templates/{private['id']}")).status_code == 404
        assert (await other.get(f"/templates/{shared['id']}")).status_code == 200
    assert (await api.client.delete(f"/templates/{private['id']}")).status_code == 404
    assert (await bob.patch(f"/templates/{shared['id']}", json={"name": "x"})).json()["code"] == "forbidden"
    assert (await bob.delete(f"/templates/{shared['id']}")).status_code == 403
    [seen] = [each for each in await walk(bob) if each["id"] == shared["id"]]
    assert seen["allowed_actions"] == ["use"]
    assert (await api.client.patch(f"/templates/{shared['id']}", json={"name": "x"})).json()["name"] == "x"
    assert (await ada.delete(f"/templates/{shared['id']}")).status_code == 200


async def test_another_workspace_has_none_of_them(api) -> None:
    made = await new_template(api.client, name="Secret", visibility="shared")
    job = await api.new_job(template_id=QUICK)
    stranger = await api.member(Role.ADMIN, workspace_id=uuid4())
    path = f"/templates/{made['id']}"
    for answer in (await stranger.get(path), await stranger.patch(path, json={"name": "x"}),
                   await stranger.delete(path), await stranger.post(f"/jobs/{job['id']}/template")):
        assert answer.status_code == 404
        assert answer.json()["code"].endswith("_not_found")
    found = await walk(stranger)
    assert "Secret" not in str(found)
    assert found[0]["usage"]["jobs"] == 0
    theirs = await api.add_file(workspace_id=UUID((await stranger.get("/me")).json()["workspace_id"]))
    refused = await stranger.post("/jobs", json={"template_id": made["id"], "training_file_id": theirs})
    assert (refused.status_code, refused.json()["code"]) == (422, "template_not_found")


@pytest.mark.slow
async def test_pages_show_the_products_first_and_everything_once(api) -> None:
    names = [f"Own {number}" for number in range(5)]
    for number, name in enumerate(names):
        await new_template(api.client, name=name, visibility="shared" if number % 2 else "private")
    expected = [template.name for template in BUILT_IN] + names[::-1]
    for limit in (1, 2, 3, 4, 8):
        assert [each["name"] for each in await walk(api.client, limit=limit)] == expected, limit
    assert [each["name"] for each in await walk(api.client, visibility="shared", limit=1)] == ["Own 3", "Own 1"]
    assert len(await walk(api.client, visibility="built_in,private", limit=2)) == 6
    assert [each["name"] for each in await walk(api.client, q="OWN 4")] == ["Own 4"]
    assert [each["name"] for each in await walk(api.client, q="quick")] == ["Quick test"]
    assert await walk(api.client, q="%") == []
    wrong = await api.client.get("/templates", params={"after": "nonsense"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_cursor")


async def test_a_job_becomes_a_template_and_a_template_a_job(api) -> None:
    job = await api.new_job(
        name="Good one", preset="aggressive", hyperparameters={"lora_rank": 24, "num_epochs": 2}, notes="why",
        tags=["prod"], client="Acme", project="Pilot", gpu_pricing_tier="on_demand", max_duration_s=7200)
    answer = await api.client.post(f"/jobs/{job['id']}/template", json={"visibility": "shared"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["name"], made["source_job_id"], made["visibility"]) == ("Good one", job["id"], "shared")
    assert made["hyperparameters"] == {"lora_rank": 24, "lora_alpha": 48, "num_epochs": 2}
    again = (await api.client.post("/jobs", json={"template_id": made["id"]})).json()
    same = ("training_file_id", "configuration", "notes", "tags", "client", "project", "preset", "cost_estimate")
    assert {name: again[name] for name in same} == {name: job[name] for name in same}
    assert again["template_id"] == made["id"]
    bare = (await api.client.post(f"/jobs/{job['id']}/template", json={"name": "Bare", "with_file": False})).json()
    assert (bare["name"], bare["training_file_id"], bare["visibility"]) == ("Bare", None, "private")
    assert (await api.client.post(f"/jobs/{uuid4()}/template")).json()["code"] == "job_not_found"


async def test_what_the_request_says_wins_in_the_job_and_in_the_estimate(api) -> None:
    file_id = await api.add_file()
    made = await new_template(api.client, preset="conservative", hyperparameters={"num_epochs": 1, "lora_rank": 4},
                              gpu_pricing_tier="on_demand", notes="theirs", tags=["t"])
    said = {"template_id": made["id"], "training_file_id": file_id}
    job = (await api.client.post("/jobs", json=said | {
        "hyperparameters": {"num_epochs": 4}, "gpu_pricing_tier": "spot", "notes": ""})).json()
    values = job["configuration"]["hyperparameters"]
    assert (values["num_epochs"], values["lora_rank"], values["lora_alpha"]) == (4, 4, 8)
    assert (job["gpu_pricing_tier"], job["notes"], job["tags"]) == ("spot", "", ["t"])
    estimate = (await api.client.get("/cost-estimate", params=said | {"num_epochs": 4})).json()
    assert estimate["hyperparameters"] == values
    assert (estimate["preset"], estimate["gpu_pricing_tier"]) == ("conservative", "on_demand")
    other = (await api.client.get("/cost-estimate", params=said | {"preset": "balanced"})).json()
    assert other["differences_from_preset"] == []
    unknown = await api.client.get("/cost-estimate", params=said | {"template_id": str(uuid4())})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "template_not_found")


@pytest.mark.slow
async def test_a_training_file_comes_from_the_request_or_the_template(api) -> None:
    for body in ({"template_id": QUICK}, {}, {"template_id": QUICK, "training_file_id": None}):
        answer = await api.client.post("/jobs", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), body
        assert answer.json()["errors"][0]["field"] == "training_file_id"
    file_id = await api.add_file()
    made = await new_template(api.client, training_file_id=file_id)
    async with api.database.transaction() as tx:
        await tx.execute(training_files.delete().where(training_files.c.id == UUID(file_id)))
    assert (await api.client.get(f"/templates/{made['id']}")).json()["training_file_id"] is None


async def test_its_usage_is_that_of_the_workspaces_jobs(api) -> None:
    ended = (("completed", 3_000_000), ("completed", 1_000_000), ("failed", 9_000_000), ("cancelled", 5_000_000))
    for status, cost in ended:
        job = await api.new_job(template_id=STANDARD)
        async with api.database.transaction() as tx:
            await tx.execute(update(training_jobs).where(training_jobs.c.id == UUID(job["id"])).values(
                status=status, actual_cost_micro_usd=cost))
    waiting = await api.new_job(template_id=STANDARD)
    usage = (await api.client.get(f"/templates/{STANDARD}")).json()["usage"]
    assert (usage["jobs"], usage["ended"], usage["completed"], usage["success_rate"]) == (5, 3, 2, 0.6667)
    assert (usage["average_cost"], usage["average_cost_micro_usd"]) == (2.0, 2_000_000)
    assert usage["last_used_at"] == waiting["created_at"]
    assert [each["usage"]["jobs"] for each in await walk(api.client)] == [0, 5, 0]
    rows = (await api.client.get("/jobs", params={"template_id": STANDARD, "view": "compact"})).json()["data"]
    assert {row["template_id"] for row in rows} == {STANDARD}
    assert len(rows) == 5
    retry = (await api.client.post(f"/jobs/{rows[-1]['id']}/retry")).json()
    assert (retry["retry_of"], retry["template_id"]) == (rows[-1]["id"], None)


@pytest.mark.slow
async def test_a_repeated_request_makes_one_template(api) -> None:
    headers = {"idempotency-key": str(uuid4())}
    first, second = [await api.client.post("/templates", json={"name": "Once"}, headers=headers) for _ in range(2)]
    assert first.json() == second.json()
    assert len(await walk(api.client, q="once")) == 1
    found = (await api.client.get("/audit", params={"target_kind": "template"})).json()["data"]
    assert [(entry["operation"], entry["target_id"]) for entry in found] == [("create_template", first.json()["id"])]
