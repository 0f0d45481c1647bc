"""Every page over a real API: what it shows, when it is empty, and when something is away."""

import re

import pytest

from brightrun.client import Client
from tests.services.dashboard.conftest import Browser, serving

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'


async def test_an_empty_system_says_how_to_begin(browser) -> None:
    answer = await browser.get("/jobs")
    assert answer.status_code == 200
    assert "No jobs yet" in answer.text
    home = await browser.get("/")
    assert home.headers["location"] == "/first-run"


async def test_jobs_are_listed_filtered_and_sorted_by_the_address(api, browser) -> None:
    await api.new_job(name="Quiet one", tags=["calm"])
    await api.new_job(name="Loud one", preset="aggressive")
    page = (await browser.get("/jobs?sort=name&order=asc")).text
    assert page.index("Loud one") < page.index("Quiet one")
    page = (await browser.get("/jobs?preset=aggressive")).text
    assert "Loud one" in page
    assert "Quiet one" not in page
    assert "No job is like that" in (await browser.get("/jobs?q=nothing")).text
    assert "Quiet one" in (await browser.get("/jobs?tag=calm&created_after=2020-01-01")).text


async def test_filters_suggest_what_is_in_use_and_creators_have_names(api, browser) -> None:
    job = await api.new_job(name="Mine", client="Acme <b>", project="Bright", tags=["calm"])
    page = (await browser.get("/jobs")).text
    for value in ("Acme &lt;b&gt;", "Bright", "calm"):
        assert f'<option value="{value}"></option>' in page
    assert f'<option value="{job["created_by"]}">{job["created_by_name"]}</option>' in page
    assert job["created_by"] not in page.split("<tbody>")[1]
    assert "Mine" in (await browser.get(f"/jobs?creator={job['created_by']}&project=Bright")).text
    assert "No job is like that" in (await browser.get("/jobs?creator=Nobody")).text
    assert "Acme &lt;b&gt;" in (await browser.get("/new-job")).text


async def test_a_wrong_filter_is_told_and_the_form_stays(browser) -> None:
    answer = await browser.get("/jobs?min_cost=much")
    assert answer.status_code == 422
    assert "cannot be shown" in answer.text
    assert 'id="min_cost"' in answer.text


async def test_pages_follow_each_other_by_key(api, browser) -> None:
    file_id = await api.add_file()
    for number in range(27):
        await api.new_job(training_file_id=file_id, name=f"Job {number:02}")
    first = (await browser.get("/jobs?sort=name&order=asc")).text
    assert "Job 24" in first
    assert "Job 25" not in first
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = (await browser.get(following)).text
    assert "Job 26" in second
    assert "Job 24" not in second


async def test_the_table_alone_comes_for_a_change_of_the_filters(api, browser) -> None:
    await api.new_job(name="One")
    part = (await browser.get("/jobs", headers={"hx-request": "true", "hx-target": "jobs-table"})).text
    assert "One" in part
    assert "<html" not in part
    part = (await browser.get("/jobs?preset=balanced", headers={"hx-request": "true", "hx-target": "jobs-table"})).text
    assert 'href="/jobs.csv?preset=balanced"' in part


async def test_the_csv_has_every_job_and_no_formula(api, browser) -> None:
    await api.new_job(name="=1+1", tags=["a", "b"])
    answer = await browser.get("/jobs.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    head, row = answer.text.strip().split("\r\n")
    assert head.startswith("id,name,status")
    assert ",'=1+1,pending," in row
    assert '"a,b"' in row
    assert (await api.job((await api.client.get("/jobs")).json()["data"][0]["id"]))["created_by_name"] in row
    assert (await browser.get("/jobs.csv?created_before=2020-01-01")).text.count("\n") == 1


async def test_a_job_is_shown_with_all_its_cards(api, browser) -> None:
    job = await api.new_job(name="Calm", notes="# Plan\n\n*try* this", description="one\ntwo", tags=["calm"])
    answer = await browser.get(f"/jobs/{job['id']}")
    assert answer.status_code == 200
    for words in ("Calm", "<em>try</em>", "one<br>two", "Too few", "Nothing to download yet", "No machine yet",
                  "created with the preset", "eq-12.json", "Validation loss"):
        assert words in answer.text, words


@pytest.mark.parametrize("field", ["name", "description", "notes", "tags"])
async def test_markup_in_what_people_write_is_text(api, browser, field) -> None:
    value = [HOSTILE[:40]] if field == "tags" else HOSTILE
    job = await api.new_job(**({"name": "plain"} | {field: value}))
    for path in ("/jobs", f"/jobs/{job['id']}", "/queue"):
        page = (await browser.get(path)).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


async def test_a_strangers_job_is_not_there(api, browser, dashboard) -> None:
    from uuid import uuid4

    from services.job_api.edge.auth import Role

    job = await api.new_job(name="Ours alone")
    other = await api.member(Role.ADMIN, workspace_id=uuid4())
    stranger = await Browser(dashboard).sign_in(other.headers["authorization"].removeprefix("Bearer "))
    assert "Ours alone" not in (await stranger.get("/jobs")).text
    for path in ("", "/live", "/series", "/events", "/log", "/retry", "/download/metrics"):
        answer = await stranger.get(f"/jobs/{job['id']}{path}")
        assert "Ours alone" not in answer.text
        assert answer.status_code == 404 or path in ("/live", "/events", "/log"), path
    token = await stranger.token("/queue")
    for action in ("start", "cancel", "notes", "delete"):
        answer = await stranger.http.post(f"/jobs/{job['id']}/{action}", data={"form_token": token, "reason": "x"})
        assert answer.status_code == 404, action


async def test_what_is_not_there_and_what_is_wrong_are_pages(browser) -> None:
    for path, status in (("/nothing", 404), ("/jobs/not-an-id", 404),
                         ("/jobs/0198a000-0000-7000-8000-000000000001", 404)):
        answer = await browser.get(path)
        assert answer.status_code == status
        assert "To the jobs" in answer.text
    plain = await browser.http.get("/nothing", headers={"accept": "application/json"})
    assert plain.json()["title"] == "Not found"


async def test_without_the_api_the_page_says_so_and_answers(api) -> None:
    async with serving(api_url=api.url) as url:
        browser = await Browser(url).sign_in(api.credentials["api_key"])
        cookies = dict(browser.http.cookies)
    key = "x" * 32
    async with serving(api_url="http://127.0.0.1:9", session_key=key) as url:
        assert (await Browser(url).get("/sign-in")).status_code == 200
        answer = await Browser(url).send("/sign-in", api_key="br_anything")
        assert answer.status_code == 503
        assert "does not answer" in answer.text
        assert (await Browser(url).get("/health/ready")).status_code == 200
    assert cookies


@pytest.mark.slow
async def test_no_link_of_a_page_leads_nowhere(api, browser) -> None:
    job = await api.new_job()
    for path in ("/jobs", "/jobs?q=nothing", "/queue", f"/jobs/{job['id']}"):
        for address in {*re.findall(r'href="(/[^"#]*)"', (await browser.get(path)).text)}:
            answer = await browser.get(address.replace("&amp;", "&"))
            # A download of what is not there yet, and without an object store, is refused in words.
            expected = (200, 303, 409, 503) if "/download/" in address else (200, 303)
            assert answer.status_code in expected, (path, address, answer.status_code)


async def test_what_nothing_caught_is_a_page_without_its_details(browser, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(Client, "queue", broken)
    answer = await browser.get("/queue")
    assert answer.status_code == 500
    assert "This page could not be made." in answer.text
    assert "report the trace id" in answer.text
    assert "hunter2" not in answer.text
    assert "content-security-policy" in answer.headers


async def test_who_is_refused_keeps_the_menu(browser) -> None:
    for path in ("/jobs/nonsense", "/jobs/00000000-0000-7000-8000-000000000000"):
        answer = await browser.get(path)
        assert answer.status_code == 404
        assert 'href="/queue"' in answer.text, path
        assert "Sign out" in answer.text, path
