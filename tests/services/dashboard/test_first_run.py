"""The guided first run: from nothing to a job that is queued."""

import re
from pathlib import Path
from uuid import uuid4

from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser, serving
from tests.services.dashboard.test_files import chat, lines

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


async def begin(browser: Browser) -> str:
    answer = await browser.send("/first-run/sample", page="/first-run")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def last_form(page: str) -> dict[str, str]:
    return dict(HIDDEN.findall(page.split('action="/first-run/start"')[1].split("</form>")[0]))


async def test_the_sample_leads_to_a_quick_test(api, browser) -> None:
    assert (await browser.get("/")).headers["location"] == "/first-run"
    page = (await browser.get("/first-run")).text
    for words in ("Take the sample", "Upload and check", "1. A file"):
        assert words in page, words
    page = (await browser.get(await begin(browser))).text
    for words in ("sample.json", "93 records", "3. A quick test run", "One pass over the data", "Expected:"):
        assert words in page, words
    assert "Take the sample" not in page
    form = last_form(page)
    started = [await browser.http.post("/first-run/start", data=form) for _ in range(2)]
    assert started[0].status_code == 303, started[0].text
    assert started[0].headers["location"] == started[1].headers["location"]
    [job] = (await api.client.get("/jobs")).json()["data"]
    assert (job["preset"], job["training_file_name"]) == ("conservative", "sample.json")
    assert job["status"] != "pending"
    assert (await browser.get("/")).headers["location"] == "/jobs"


async def test_a_file_with_errors_is_corrected_first(browser) -> None:
    content = lines(chat("Hello", "Yes"), {"messages": [
        {"role": "user", "content": "Anyone?"}, {"role": "assistant", "content": ""}]})
    token = await browser.token("/first-run")
    answer = await browser.http.post(
        "/first-run/upload", data={"form_token": token}, files={"file": ("b.jsonl", content)})
    page = (await browser.get(answer.headers["location"])).text
    assert "Needs a correction" in page
    assert "Another file" in page
    assert "3. A quick test run</h2>" not in page


async def test_what_cannot_be_read_is_told_in_place(browser) -> None:
    token = await browser.token("/first-run")
    sent = {"data": {"form_token": token}, "files": {"file": ("b.json", b"{not json")}}
    answer = await browser.http.post("/first-run/upload", **sent)
    assert answer.status_code in (415, 422)
    assert 'role="alert"' in answer.text
    part = await browser.http.post("/first-run/upload", headers={"hx-request": "true"}, **sent)
    assert "<html" not in part.text
    good = {"data": {"form_token": token}, "files": {"file": ("b.jsonl", lines(chat("Hi", "Hello")))}}
    led = await browser.http.post("/first-run/upload", headers={"hx-request": "true"}, **good)
    assert led.headers["hx-redirect"].startswith("/first-run?file=")


async def test_the_budget_may_refuse_the_quick_test(api, browser, monkeypatch) -> None:
    page = (await browser.get(await begin(browser))).text
    monkeypatch.setattr(api.cost_guard, "limit", 10)
    answer = await browser.http.post("/first-run/start", data=last_form(page))
    assert answer.status_code == 402
    assert 'role="alert"' in answer.text
    assert "3. A quick test run" in answer.text


async def test_an_installation_without_the_sample_does_not_offer_it(api, installation, tmp_path: Path) -> None:
    async with serving(api_url=installation.url, sample_file=tmp_path / "none.json") as url:
        browser = await Browser(url).sign_in(api.credentials["api_key"])
        assert "Take the sample" not in (await browser.get("/first-run")).text
        answer = await browser.send("/first-run/sample", page="/first-run")
    assert answer.status_code == 422
    assert "has no sample" in answer.text


async def test_others_files_are_not_there(api, dashboard) -> None:
    file_id = await api.add_file()
    stranger = await api.member(*Role, workspace_id=uuid4())
    other = await Browser(dashboard).sign_in(stranger.headers["authorization"].removeprefix("Bearer "))
    assert (await other.get(f"/first-run?file={file_id}")).status_code == 404
    reader = await api.member(Role.ANALYST)
    analyst = await Browser(dashboard).sign_in(reader.headers["authorization"].removeprefix("Bearer "))
    assert (await analyst.get("/")).headers["location"] == "/jobs"
    answer = await analyst.send("/first-run/sample", page="/first-run")
    assert answer.status_code == 403
