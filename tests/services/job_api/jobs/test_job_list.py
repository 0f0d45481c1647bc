"""The job list: filters, every sort order page by page, cursors that survive tampering."""

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from contracts.identifiers import uuid7
from contracts.presets import PRESETS
from services.job_api.jobs.schemas.jobs import CompactJobView, JobList
from services.job_api.tables import training_jobs

T0 = datetime(2026, 11, 1, tzinfo=UTC)
STATUSES = ("pending", "training", "completed", "failed")
KEYS = {"created_at": "created_at", "cost": "actual_cost_micro_usd", "duration": "duration_seconds", "name": "name",
        "status": "status"}


async def fill(api, count):
    """Jobs with many equal sort values, so that ties matter."""
    file_id = UUID(await api.add_file())
    rows = []
    for number in range(count):
        preset = ("conservative", "balanced", "aggressive")[number % 3]
        name = f"Job {number % 7}"
        rows.append({
            "id": uuid7(), "workspace_id": api.workspace_id, "training_file_id": file_id, "name": name,
            "search_text": name.lower(), "preset": preset, "base_model": "m", "gpu_type": "local",
            "gpu_pricing_tier": "spot" if number % 2 else "on_demand", "status": STATUSES[number % 4],
            "created_by": f"user-{number % 2}", "tags": ["even"] if number % 2 == 0 else ["odd", "rare"],
            "actual_cost_micro_usd": number % 5 * 1_000_000, "duration_s": number % 4 * 60,
            "created_at": T0 + timedelta(days=number // 4), "configuration": {
                "hyperparameters": PRESETS[preset].hyperparameters.model_dump(mode="json"), "preset": preset,
                "base_model": "m", "gpu_type": "local", "gpu_pricing_tier": "spot", "max_duration_s": 86400}})
    async with api.database.transaction() as tx:
        await tx.execute(insert(training_jobs), rows)


async def walk(api, **params):
    """All rows over all pages."""
    rows, pages = [], 0
    while True:
        response = await api.client.get("/jobs", params=params)
        assert response.status_code == 200, response.text
        page = response.json()
        JobList.model_validate(page)
        rows, pages = rows + page["data"], pages + 1
        if not page["has_more"]:
            assert page["next_cursor"] is None
            return rows, pages
        params = {**params, "after": page["next_cursor"]}


async def test_every_order_shows_every_job_once(api):
    await fill(api, 45)
    for sort, key in KEYS.items():
        for order in ("asc", "desc"):
            rows, pages = await walk(api, sort=sort, order=order, limit=10)
            assert pages == 5
            assert len({row["id"] for row in rows}) == 45
            values = [(row[key], row["id"]) for row in rows]
            assert values == sorted(values, reverse=order == "desc"), (sort, order)


async def test_a_page_does_not_move_when_new_jobs_arrive(api):
    await fill(api, 6)
    first = (await api.client.get("/jobs", params={"limit": 3})).json()
    await api.new_job()
    second = (await api.client.get("/jobs", params={"limit": 3, "after": first["next_cursor"]})).json()
    assert not {row["id"] for row in first["data"]} & {row["id"] for row in second["data"]}
    assert len(second["data"]) == 3


@pytest.fixture
async def filled(api):
    await fill(api, 40)
    return api


async def test_filters_narrow_the_list(filled):
    async def count(**params):
        rows, _ = await walk(filled, limit=100, **params)
        return len(rows)

    assert await count(status="training") == 10
    assert await count(status="training,failed") == 20
    assert await count(status=["training", "failed"]) == 20
    assert await count(preset="balanced") == 13
    assert await count(tier="spot") == 20
    assert await count(creator="user-1") == 20
    assert await count(tag="rare,odd") == 20
    assert await count(tag="rare,even") == 0
    assert await count(min_cost=3, max_cost=4) == 16
    assert await count(min_cost=3.000001) == 8
    assert await count(created_after="2026-11-03T00:00:00Z", created_before="2026-11-05T00:00:00Z") == 8
    assert await count(q="JOB 3") == 6
    assert await count(q="100%") == 0
    assert await count(status="training", tier="spot", q="job") == 10


async def test_a_cursor_that_was_tampered_with_is_refused(filled):
    cursor = (await filled.client.get("/jobs", params={"limit": 5})).json()["next_cursor"]
    for params in ({"after": "nonsense"}, {"after": cursor, "sort": "cost"}, {"after": cursor, "order": "asc"},
                   {"after": cursor[:-3]}, {"after": "W10"}):
        response = await filled.client.get("/jobs", params=params)
        assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor"), params


@pytest.mark.parametrize("params", [
    {"limit": 0}, {"limit": 101}, {"sort": "colour"}, {"status": "asleep"}, {"min_cost": -1}, {"unknown": 1},
    {"created_after": "yesterday"}, {"created_after": "2026-11-03T00:00:00"}, {"q": "a\x00"}, {"q": "x" * 201}])
async def test_a_wrong_parameter_is_named(api, params):
    response = await api.client.get("/jobs", params=params)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"].startswith(next(iter(params)))


async def test_another_workspace_sees_nothing_of_it(filled):
    stranger = await filled.member("admin", workspace_id=uuid7())
    assert (await stranger.get("/jobs")).json()["data"] == []


async def test_the_pages_of_the_default_order_come_from_an_index(filled):
    async with filled.database.transaction() as tx:
        await tx.execute(update(training_jobs).values(updated_at=T0))
    rows, _ = await walk(filled, limit=7)
    assert all(a["created_at"] >= b["created_at"] for a, b in pairwise(rows))


async def test_the_compact_view_is_the_full_one_without_what_is_large(filled):
    full, compact = [(await walk(filled, limit=7, sort="name", view=view))[0] for view in ("full", "compact")]
    assert compact == [{name: job[name] for name in CompactJobView.model_fields} for job in full]
    assert not {"configuration", "estimate", "validation", "notes"} & compact[0].keys()
    assert (await walk(filled, limit=7, sort="name"))[0] == full
    tagged = {"view": "compact", "tag": "rare", "status": "training,failed", "min_cost": 0}
    assert [job["id"] for job in (await walk(filled, **tagged))[0]] == [
        job["id"] for job in (await walk(filled, **tagged | {"view": "full"}))[0]]
    wrong = await filled.client.get("/jobs", params={"view": "tiny"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "view")


async def test_the_signs_of_patterns_are_searched_as_they_are(api):
    for name in ("100% rank_8 a/b", "100 rank8 ab"):
        await api.new_job(name=name)
    for text in ("%", "_", "/", "100%", "k_8", "a/b"):
        rows, _ = await walk(api, q=text)
        assert [row["name"] for row in rows] == ["100% rank_8 a/b"], text


async def test_client_and_project_are_set_changed_and_filtered_by(api):
    acme = await api.new_job(name="a", client=" Acme, Inc. ", project="Pilot")
    other = await api.new_job(name="b", client="Acme", project="Pilot")
    await api.new_job(name="c")
    assert (acme["client"], acme["project"]) == ("Acme, Inc.", "Pilot")

    async def names(**params):
        return [row["name"] for row in (await walk(api, sort="name", order="asc", **params))[0]]

    assert await names(client="Acme, Inc.") == ["a"]
    assert await names(client=["Acme", "Acme, Inc."], project="Pilot") == ["a", "b"]
    assert await names(project="Pilot", view="compact") == ["a", "b"]
    assert await names(client="", project="") == ["a", "b", "c"]
    edited = await api.client.patch(f"/jobs/{other['id']}", json={"project": "", "client": "Acme, Inc."})
    assert (edited.json()["project"], edited.json()["client"]) == ("", "Acme, Inc.")
    assert await names(client="Acme, Inc.") == ["a", "b"]
    too_long = await api.client.patch(f"/jobs/{other['id']}", json={"client": "x" * 201})
    assert (too_long.status_code, too_long.json()["errors"][0]["field"]) == (422, "client")


async def csv_of(api, **params):
    answer = await api.client.get("/jobs", params={"format": "csv", **params})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    assert "jobs.csv" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_the_csv_has_all_pages_of_the_list_with_its_filters(api, monkeypatch):
    monkeypatch.setattr("services.job_api.jobs.exports.PAGE", 7)
    await fill(api, 40)
    for params in ({"sort": "cost"}, {"sort": "name", "order": "asc"}, {"status": "training", "tier": "spot"},
                   {"tag": "rare"}, {"q": "job 3"}):
        shown, _ = await walk(api, limit=100, **params)
        lines = await csv_of(api, **params)
        assert [line["id"] for line in lines] == [job["id"] for job in shown]
    [first] = [line for line in lines if line["id"] == shown[0]["id"]]
    assert first["tags"] == ", ".join(shown[0]["tags"])
    assert first["actual_cost_micro_usd"] == str(shown[0]["actual_cost_micro_usd"])
    assert await csv_of(api, status="paused") == []


async def test_nothing_that_somebody_wrote_is_a_formula_in_the_csv(api):
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx"):
        await api.new_job(name=f"{text} name".strip() or "x", client=text, tags=[text] if text.strip() else [])
    for line in await csv_of(api):
        for cell in ("name", "client", "tags"):
            assert not line[cell].startswith(("=", "+", "-", "@", "\t", "\r")), line[cell]
    assert {line["client"] for line in await csv_of(api)} == {"'=1+1", "'+1", "'-1", "'@SUM(A1)", "x"}
