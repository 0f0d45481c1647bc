"""The audit log on the page: who did what, filters in the address, pages, CSV; for owners and admins."""

import csv
import io
from uuid import uuid4

from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser
from tests.services.dashboard.test_settings_keys import key_of

PATH = "/settings/audit"


async def test_who_did_what_is_told_by_address_and_filtered(api, browser) -> None:
    job = await api.new_job()
    await api.client.patch(f"/jobs/{job['id']}", json={"name": "other"})
    me = (await api.client.get("/me")).json()
    page = (await browser.get(PATH)).text
    for words in (me["email"], "Edit job", "Create job", job["id"], "Succeeded", "127.0.0.1"):
        assert words in page, words
    page = (await browser.get(f"{PATH}?operation=edit_job&outcome=succeeded&actor={me['subject']}")).text
    assert "Edit job" in page
    assert "Create job" not in page
    assert "No entry is like that" in (await browser.get(f"{PATH}?target_id={uuid4()}")).text
    assert "No entry is like that" in (await browser.get(f"{PATH}?until=2001-01-01")).text
    assert "Edit job" in (await browser.get(f"{PATH}?since=2001-01-01&address=127.0.0.1")).text
    for wrong in ("outcome=strange", "since=soon"):
        answer = await browser.get(f"{PATH}?{wrong}")
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
        assert 'id="operation"' in answer.text


async def test_pages_follow_each_other_and_the_csv_has_all(api, browser) -> None:
    job = await api.new_job()
    for number in range(52):
        await api.client.patch(f"/jobs/{job['id']}", json={"name": f"Name {number}"})
    first = (await browser.get(f"{PATH}?operation=edit_job")).text
    assert first.count("Edit job") == 50
    assert "First page" not in first
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = (await browser.get(following)).text
    assert second.count("Edit job") == 2
    assert "First page" in second
    assert 'rel="next"' not in second
    answer = await browser.get("/settings/audit.csv?operation=edit_job")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["operation"] for row in rows} == {"edit_job"}
    assert len(rows) == 52


async def test_owners_read_it_engineers_do_not_and_nobody_anothers(api, dashboard) -> None:
    job = await api.new_job()
    owner = await Browser(dashboard).sign_in(key_of(await api.member(Role.OWNER)))
    page = (await owner.get(PATH)).text
    assert job["id"] in page
    assert 'name="scope"' not in page
    assert (await owner.get(f"{PATH}?scope=installation")).status_code == 403
    engineer = await Browser(dashboard).sign_in(key_of(await api.member(Role.ENGINEER)))
    for path in (PATH, "/settings/audit.csv"):
        assert (await engineer.get(path)).status_code == 403
    stranger = await Browser(dashboard).sign_in(key_of(await api.member(*Role, workspace_id=uuid4())))
    answer = await stranger.get(PATH)
    assert answer.status_code == 200
    assert job["id"] not in answer.text


async def test_operators_see_the_installation(installation, api, dashboard) -> None:
    job = await api.new_job()
    operator = await Browser(dashboard).sign_in(installation.credentials["api_key"])
    assert job["id"] not in (await operator.get(PATH)).text
    page = (await operator.get(f"{PATH}?scope=installation&target_id={job['id']}")).text
    assert job["id"] in page
    assert api.credentials["workspace_id"] in page


async def test_markup_of_a_program_is_text(api, browser) -> None:
    headers = {"user-agent": "<script>alert(1)</script>"}
    await api.client.post("/jobs", json={"training_file_id": await api.add_file()}, headers=headers)
    page = (await browser.get(PATH)).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
