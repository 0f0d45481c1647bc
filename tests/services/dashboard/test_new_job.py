"""A new job: form, estimate, review, start, and what it can begin with."""

import re
from uuid import uuid4

import pytest

from services.dashboard.new_job import WrongValue, hyperparameters, job_body, values_of
from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser

HOSTILE = '<script>alert("x")</script>'
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
ID = str(uuid4())
GUIDES = [{"name": "lora_rank", "title": "Rank", "kind": "integer"},
          {"name": "learning_rate", "title": "Rate", "kind": "number"},
          {"name": "lr_scheduler_type", "title": "Schedule", "kind": "choice"},
          {"name": "target_modules", "title": "Layers", "kind": "choices"}]


async def start_from(browser: Browser, review: str, **more):
    """Presses the button of a review page."""
    form = review.split('action="/new-job/start"')[1].split("</form>")[0]
    return await browser.http.post("/new-job/start", data=dict(HIDDEN.findall(form)) | more)


async def test_the_form_explains_what_can_be_chosen(api, browser) -> None:
    page = (await browser.get("/new-job")).text
    assert "No file that can be trained yet" in page
    file_id = await api.add_file(name="mine.json")
    page = (await browser.get(f"/new-job?training_file_id={file_id}")).text
    for words in ("mine.json", "Conservative", "The proven middle", "Learning rate", "How large each correction is",
                  "on demand", "Budget of", "Reserved for this job", "tokens per second", "Between"):
        assert words in page, words
    assert f'value="{file_id}" selected' in page


async def test_the_estimate_follows_what_is_typed(api, browser) -> None:
    file_id = await api.add_file()
    base = f"/new-job/estimate?training_file_id={file_id}"
    part = (await browser.get(f"{base}&num_epochs=5&preset=aggressive")).text
    assert "<html" not in part
    assert "Budget of" in part
    assert api.cost_guard.asked[-1].hyperparameters.num_epochs == 5
    assert "is not a number that it can be" in (await browser.get(f"{base}&num_epochs=many")).text
    assert "Nothing to estimate yet" in (await browser.get("/new-job/estimate?num_epochs=5")).text
    refused = (await browser.get(f"{base}&num_epochs=5000")).text
    assert 'role="alert"' in refused


async def test_a_job_is_reviewed_and_started_once(api, browser) -> None:
    file_id = await api.add_file(name="mine.json")
    chosen = {"training_file_id": file_id, "preset": "conservative", "gpu_pricing_tier": "spot", "lora_rank": "12",
              "name": "Reviewed", "description": "why\nand how", "notes": "*all* of it", "tags": "one, two",
              "client": "Juniper", "project": "Lane", "target_modules": ["q_proj", "v_proj"]}
    answer = await browser.send("/new-job/review", page="/new-job", **chosen)
    assert answer.status_code == 200, answer.text
    for words in ("Review: Reviewed", "mine.json", "<em>all</em>", "why<br>and how", "Juniper", "Lane", "one", "two",
                  "<strong>You</strong>", "q_proj, v_proj", "Start it ("):
        assert words in answer.text, words
    assert (await api.client.get("/jobs")).json()["data"] == []
    form = dict(HIDDEN.findall(answer.text)) | {"target_modules": ["q_proj", "v_proj"]}
    started = [await browser.http.post("/new-job/start", data=form) for _ in range(2)]
    assert [each.status_code for each in started] == [303, 303]
    assert started[0].headers["location"] == started[1].headers["location"]
    [job] = (await api.client.get("/jobs")).json()["data"]
    assert started[0].headers["location"] == f"/jobs/{job['id']}?notice=started"
    job = await api.job(job["id"])
    values = job["configuration"]["hyperparameters"]
    assert (job["name"], job["client"], job["project"], job["tags"]) == ("Reviewed", "Juniper", "Lane", ["one", "two"])
    assert (job["preset"], values["lora_rank"], values["target_modules"]) == ("conservative", 12, ["q_proj", "v_proj"])
    assert job["status"] != "pending"


async def test_what_is_dear_on_demand_needs_a_yes(api, browser, monkeypatch) -> None:
    monkeypatch.setattr(api.cost_guard, "price", 240_000_000)
    monkeypatch.setattr(api.cost_guard, "limit", 10**12)
    chosen = {"training_file_id": await api.add_file(), "gpu_pricing_tier": "on_demand"}
    answer = await browser.send("/new-job/review", page="/new-job", **chosen)
    assert "It is expected to cost $180.00" in answer.text
    assert "More than $150.00 on demand" in answer.text
    refused = await start_from(browser, answer.text)
    assert refused.status_code == 422
    assert "needs your confirmation" in refused.text
    started = await start_from(browser, refused.text, confirmed="yes")
    assert started.status_code == 303, started.text
    on_spot = await browser.send("/new-job/review", page="/new-job", **(chosen | {"gpu_pricing_tier": "spot"}))
    assert 'name="confirmed"' not in on_spot.text


async def test_what_the_budget_refuses_is_not_started(api, browser, monkeypatch) -> None:
    monkeypatch.setattr(api.cost_guard, "limit", 10)
    answer = await browser.send("/new-job/review", page="/new-job", training_file_id=await api.add_file())
    assert "The budget does not allow it" in answer.text
    refused = await start_from(browser, answer.text)
    assert refused.status_code == 402
    assert 'role="alert"' in refused.text
    assert (await api.client.get("/jobs")).json()["data"] == []


async def test_back_from_the_review_nothing_is_lost(api, browser) -> None:
    file_id = await api.add_file()
    answer = await browser.send("/new-job", page="/new-job", training_file_id=file_id, name="Kept", lora_rank="12",
                                notes="all of it", preset="aggressive")
    assert 'value="Kept"' in answer.text
    assert "all of it</textarea>" in answer.text
    assert re.search(r'name="lora_rank"[^>]*value="12"', answer.text)
    assert re.search(r'value="aggressive" checked', answer.text)


async def test_what_cannot_be_is_told_on_the_form(api, browser) -> None:
    answer = await browser.send("/new-job/review", page="/new-job", name="No file")
    assert answer.status_code == 422
    assert "No training file was chosen" in answer.text
    assert 'value="No file"' in answer.text
    file_id = await api.add_file()
    answer = await browser.send("/new-job/review", page="/new-job", training_file_id=file_id, lora_rank="9999")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    answer = await browser.send("/new-job/start", page="/new-job", training_file_id=file_id, name="x" * 300)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "x" * 300 in answer.text


async def test_a_copy_begins_with_the_values_and_shows_what_changes(api, browser) -> None:
    job = await api.new_job(name="First", preset="aggressive", hyperparameters={"lora_rank": 24}, tags=["calm"],
                            client="Juniper")
    page = (await browser.get(f"/new-job?from_job={job['id']}")).text
    assert 'value="First (copy)"' in page
    assert re.search(r'name="lora_rank"[^>]*value="24"', page)
    same = {"training_file_id": job["training_file_id"], "preset": "aggressive", "lora_rank": "24",
            "lora_alpha": "48", "from_job": job["id"]}
    answer = await browser.send("/new-job/review", page="/new-job", **same)
    assert "The same file and the same values" in answer.text
    answer = await browser.send("/new-job/review", page="/new-job", **(same | {"num_epochs": "7"}))
    changed = answer.text.split("Changed from First")[1].split("</table>")[0]
    assert "Num epochs" in changed
    assert "<strong>7</strong>" in changed
    assert "Lora rank" not in changed


async def test_markup_is_text_and_nothing_of_others_is_used(api, browser, dashboard) -> None:
    job = await api.new_job(name=HOSTILE, client=HOSTILE)
    page = (await browser.get(f"/new-job?from_job={job['id']}")).text
    assert "<script>alert" not in page
    answer = await browser.send("/new-job/review", page="/new-job", training_file_id=job["training_file_id"],
                                name=HOSTILE, notes=HOSTILE, tags=HOSTILE, project=HOSTILE, from_job=job["id"])
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    client = await api.member(*Role, workspace_id=uuid4())
    stranger = await Browser(dashboard).sign_in(client.headers["authorization"].removeprefix("Bearer "))
    assert (await stranger.get(f"/new-job?from_job={job['id']}")).status_code == 404
    answer = await stranger.send("/new-job/start", page="/new-job", training_file_id=job["training_file_id"])
    assert answer.status_code in (404, 422)
    assert (await client.get("/jobs")).json()["data"] == []


async def test_an_analyst_may_not_start_one(api, dashboard) -> None:
    file_id = await api.add_file()
    client = await api.member(Role.ANALYST)
    analyst = await Browser(dashboard).sign_in(client.headers["authorization"].removeprefix("Bearer "))
    assert "New job" not in (await analyst.get("/jobs")).text
    answer = await analyst.send("/new-job/start", page="/new-job", training_file_id=file_id)
    assert answer.status_code == 403
    assert "Not allowed" in answer.text


def test_only_fields_of_the_form_count() -> None:
    values = values_of([("from_job", "../files"), ("training_file_id", "no"), ("name", " a "),
                        ("evil", "x"), ("lora_rank", ""), ("target_modules", "q_proj"),
                        ("target_modules", "v_proj"), ("file", object())], GUIDES)
    assert values.single == {"preset": "balanced", "gpu_pricing_tier": "spot", "name": "a"}
    assert values.several == {"target_modules": ["q_proj", "v_proj"]}
    assert ("target_modules", "v_proj") in values.pairs()


def test_values_have_their_types() -> None:
    said = [("lora_rank", "8"), ("learning_rate", "2e-4"), ("lr_scheduler_type", "linear")]
    assert hyperparameters(values_of(said, GUIDES), GUIDES) == {
        "lora_rank": 8, "learning_rate": 2e-4, "lr_scheduler_type": "linear"}
    with pytest.raises(WrongValue, match="Rank"):
        hyperparameters(values_of([("lora_rank", "8.5")], GUIDES), GUIDES)


def test_an_emptied_value_of_a_template_is_the_presets() -> None:
    preset = {"hyperparameters": {"lora_rank": 16, "learning_rate": 2e-4}}
    template = {"id": ID, "hyperparameters": {"lora_rank": 4, "learning_rate": 1e-5}}
    values = values_of([("template_id", ID), ("training_file_id", ID), ("learning_rate", "0.001")], GUIDES)
    body = job_body(values, GUIDES, preset, template)
    assert body["hyperparameters"] == {"lora_rank": 16, "learning_rate": 0.001}
    assert (body["template_id"], body["notes"], body["start"]) == (ID, "", True)
