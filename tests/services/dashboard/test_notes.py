"""Notes on the page: edits that meet, what is refused, every text that there was."""

from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser

HOSTILE = "</textarea><script>alert(1)</script>"


async def test_notes_are_edited_as_they_are_typed(api, browser) -> None:
    job = await api.new_job(notes="first")
    path = f"/jobs/{job['id']}"
    answer = await browser.send(f"{path}/notes", page=path, notes="  **bold**\r\nwords ", notes_revision="1")
    assert answer.headers["location"] == f"{path}?notice=saved"
    assert (await api.job(job["id"]))["notes"] == "  **bold**\nwords "
    page = (await browser.get(path)).text
    assert "<strong>bold</strong>" in page
    assert "History (2)" in page


async def test_an_edit_that_came_too_late_is_shown_with_the_other_text_and_saved_over_it(api, browser) -> None:
    job = await api.new_job(notes="first")
    path = f"/jobs/{job['id']}"
    await api.client.patch(path, json={"notes": "theirs " + HOSTILE})
    answer = await browser.send(f"{path}/notes", page=path, notes="mine " + HOSTILE, notes_revision="1")
    assert answer.status_code == 409
    assert "theirs &lt;/textarea&gt;" in answer.text
    assert "\nmine &lt;/textarea&gt;" in answer.text
    assert "<script>alert" not in answer.text
    assert 'name="notes_revision" value="2"' in answer.text
    answer = await browser.send(f"{path}/notes", page=path, notes="both", notes_revision="2")
    assert answer.status_code == 303
    assert (await api.job(job["id"]))["notes"] == "both"


async def test_a_text_that_is_refused_is_not_lost(api, browser) -> None:
    job = await api.new_job()
    path = f"/jobs/{job['id']}"
    answer = await browser.send(f"{path}/notes", page=path, notes="x" * 20_001, notes_revision="0")
    assert answer.status_code == 422
    assert "x" * 20_001 in answer.text
    assert 'role="alert"' in answer.text


async def test_every_text_is_listed_with_who_wrote_it_and_comes_back(api, browser) -> None:
    job = await api.new_job()
    path = f"/jobs/{job['id']}"
    assert "No notes yet" in (await browser.get(f"{path}/notes")).text
    for text in ("*one*", "two", ""):
        await api.client.patch(path, json={"notes": text})
    page = (await browser.get(f"{path}/notes")).text
    assert page.index("Text 3") < page.index("Text 2") < page.index("Text 1")
    assert "<em>one</em>" in page
    assert f"by {(await api.job(job['id']))['created_by_name']}" in page
    assert page.count("/notes/restore") == 2
    answer = await browser.send(f"{path}/notes/restore", page=path, notes="*one*", notes_revision="3")
    assert answer.headers["location"] == f"{path}?notice=restored"
    found = await api.job(job["id"])
    assert (found["notes"], found["notes_revision"]) == ("*one*", 4)
    answer = await browser.send(f"{path}/notes/restore", page=path, notes="two", notes_revision="3")
    assert answer.status_code == 409
    assert "Not possible now" in answer.text


async def test_the_history_comes_in_pages(api, browser) -> None:
    job = await api.new_job()
    for number in range(21):
        await api.client.patch(f"/jobs/{job['id']}", json={"notes": f"text {number}"})
    first = (await browser.get(f"/jobs/{job['id']}/notes")).text
    following = first.split('rel="next" href="')[1].split('"')[0]
    assert "Text 1<" in (await browser.get(following)).text
    assert (await browser.get(f"/jobs/{job['id']}/notes?after=much")).status_code == 200


async def test_who_may_not_edit_reads_and_a_stranger_finds_nothing(api, dashboard) -> None:
    from uuid import uuid4

    job = await api.new_job(notes="ours")
    path = f"/jobs/{job['id']}"
    analyst = await Browser(dashboard).sign_in(_key(await api.member(Role.ANALYST)))
    assert 'action="' + path + '/notes"' not in (await analyst.get(path)).text
    assert "notes/restore" not in (await analyst.get(f"{path}/notes")).text
    token = await analyst.token("/queue")
    answer = await analyst.http.post(f"{path}/notes", data={"form_token": token, "notes": "mine"})
    assert answer.status_code == 403
    assert "mine" in answer.text
    stranger = await Browser(dashboard).sign_in(_key(await api.member(Role.ADMIN, workspace_id=uuid4())))
    assert (await stranger.get(f"{path}/notes")).status_code == 404
    token = await stranger.token("/queue")
    for address in (f"{path}/notes", f"{path}/notes/restore"):
        answer = await stranger.http.post(address, data={"form_token": token, "notes": "x"})
        assert answer.status_code == 404


def _key(client) -> str:
    return str(client.headers["authorization"]).removeprefix("Bearer ")
