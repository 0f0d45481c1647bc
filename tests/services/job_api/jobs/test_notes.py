"""Notes: every text is kept with who and when; an edit of an old text does not replace a newer one."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from services.job_api.edge.auth import Role
from services.job_api.jobs.schemas.history import NotesHistory
from services.job_api.tables import training_jobs


async def edit(client, job_id, notes, revision=None):
    given = {} if revision is None else {"notes_revision": revision}
    return await client.patch(f"/jobs/{job_id}", json={"notes": notes} | given)


async def history(client, job_id, **params):
    answer = await client.get(f"/jobs/{job_id}/notes/history", params=params)
    assert answer.status_code == 200, answer.text
    NotesHistory.model_validate(answer.json())
    return answer.json()


async def name_of(api, subject: str) -> str:
    [member] = [one for one in (await api.client.get("/members")).json()["data"] if one["id"] == subject]
    return str(member["display_name"] or member["email"])


async def test_every_text_is_kept_with_who_and_when(api) -> None:
    other = await api.member(Role.ENGINEER)
    first, second = [(await client.get("/me")).json()["subject"] for client in (api.client, other)]
    job = await api.new_job(notes="**plan**")
    assert job["notes_revision"] == 1
    edited = (await edit(other, job["id"], "plan, <b>done</b>", 1)).json()
    assert (edited["notes"], edited["notes_revision"]) == ("plan, <b>done</b>", 2)
    assert (await edit(api.client, job["id"], "")).json()["notes_revision"] == 3
    found = (await history(api.client, job["id"]))["data"]
    assert [(row["revision"], row["notes"], row["edited_by"]) for row in found] == [
        (3, "", first), (2, "plan, <b>done</b>", second), (1, "**plan**", first)]
    assert [row["edited_by_name"] for row in found[1:]] == [await name_of(api, who) for who in (second, first)]
    assert found[0]["edited_at"] > found[1]["edited_at"] > found[2]["edited_at"]


async def test_an_edit_of_an_old_text_is_refused_with_both(api) -> None:
    job = await api.new_job()
    assert (job["notes_revision"], (await history(api.client, job["id"]))["data"]) == (0, [])
    me = (await api.client.get("/me")).json()["subject"]
    assert (await edit(api.client, job["id"], "mine", 0)).status_code == 200
    refused = await edit(api.client, job["id"], "yours", 0)
    assert (refused.status_code, refused.json()["code"]) == (409, "notes_conflict")
    assert refused.json()["notes"] == {
        "revision": 1, "edited_by": me, "edited_by_name": await name_of(api, me), "current": "mine", "yours": "yours"}
    assert (await api.job(job["id"]))["notes"] == "mine"
    assert (await edit(api.client, job["id"], "mine and yours", 1)).json()["notes_revision"] == 2


@pytest.mark.slow
async def test_the_same_text_again_is_no_edit(api) -> None:
    job = await api.new_job(notes="same")
    assert (await edit(api.client, job["id"], "same", 0)).json()["notes_revision"] == 1
    assert len((await history(api.client, job["id"]))["data"]) == 1
    await api.client.patch(f"/jobs/{job['id']}", json={"name": "other"})
    assert (await api.job(job["id"]))["notes_revision"] == 1


async def test_of_edits_at_the_same_time_one_wins_and_none_is_lost(api) -> None:
    job = await api.new_job()
    answers = await asyncio.gather(*(edit(api.client, job["id"], f"text {number}", 0) for number in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    [winner] = [answer.json()["notes"] for answer in answers if answer.status_code == 200]
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["notes"]["current"] == winner


@pytest.mark.slow
async def test_edits_without_a_revision_are_all_in_the_history(api) -> None:
    job = await api.new_job()
    texts = {f"text {number}" for number in range(5)}
    await asyncio.gather(*(edit(api.client, job["id"], text) for text in texts))
    found = (await history(api.client, job["id"]))["data"]
    assert {row["notes"] for row in found} == texts
    assert [row["revision"] for row in found] == [5, 4, 3, 2, 1]


@pytest.mark.slow
async def test_the_history_has_pages(api) -> None:
    job = await api.new_job(notes="1")
    for number in range(2, 8):
        await edit(api.client, job["id"], str(number))
    seen, after = [], None
    while True:
        found = await history(api.client, job["id"], limit=3, **({"after": after} if after else {}))
        seen += [row["notes"] for row in found["data"]]
        after = found["next_cursor"]
        if not found["has_more"]:
            break
    assert seen == ["7", "6", "5", "4", "3", "2", "1"]
    for wrong in ({"limit": 0}, {"limit": 51}, {"after": "x"}, {"unknown": 1}):
        assert (await api.client.get(f"/jobs/{job['id']}/notes/history", params=wrong)).status_code == 422


@pytest.mark.slow
async def test_a_text_that_an_older_release_wrote_is_kept_too(api) -> None:
    job = await api.new_job(notes="first")
    async with api.database.transaction() as tx:
        await tx.execute(update(training_jobs).where(training_jobs.c.id == UUID(job["id"])).values(notes="older"))
    assert (await edit(api.client, job["id"], "new", 1)).json()["notes_revision"] == 3
    found = (await history(api.client, job["id"]))["data"]
    assert [(row["notes"], row["edited_by"] is None) for row in found] == [
        ("new", False), ("older", True), ("first", False)]


async def test_another_workspace_has_no_history_of_it(api) -> None:
    job = await api.new_job(notes="secret")
    stranger = await api.member(Role.ADMIN, workspace_id=uuid4())
    for answer in (await stranger.get(f"/jobs/{job['id']}/notes/history"), await edit(stranger, job["id"], "x")):
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
        assert "secret" not in answer.text


async def test_a_retry_takes_notes_client_and_project_along(api) -> None:
    job = await api.running_job(notes="why", client="Acme, Inc.", project="Pilot")
    await api.client.post(f"/jobs/{job['id']}/cancel")
    retry = (await api.client.post(f"/jobs/{job['id']}/retry")).json()
    assert (retry["notes"], retry["notes_revision"], retry["client"], retry["project"]) == (
        "why", 1, "Acme, Inc.", "Pilot")
