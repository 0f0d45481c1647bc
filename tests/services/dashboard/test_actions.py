"""What is done to jobs from the page, and what the API's refusals look like there."""

import re

from sqlalchemy import update

from services.job_api.tables import training_jobs
from tests.services.dashboard.conftest import Browser


async def test_a_job_is_started_cancelled_and_retried_from_its_page(api, browser) -> None:
    job = await api.new_job(name="From the page")
    path = f"/jobs/{job['id']}"
    assert "Start (" in (await browser.get(path)).text
    answer = await browser.send(f"{path}/start", page=path)
    assert answer.headers["location"] == f"{path}?notice=started"
    page = (await browser.get(answer.headers["location"])).text
    assert "The job was started." in page
    assert "Start (" not in page
    answer = await browser.send(f"{path}/cancel", page=path, reason="not needed")
    assert answer.status_code == 303
    assert (await api.job(job["id"]))["status"] == "cancelled"
    proposal = await browser.get(f"{path}/retry")
    assert "The same file and the same values" in proposal.text
    answer = await browser.send(f"{path}/retry", page=f"{path}/retry", apply_adjustments="yes")
    assert answer.status_code == 303
    assert answer.headers["location"].endswith("?notice=retried")
    assert "Retry of" in (await browser.get(answer.headers["location"])).text


async def test_a_retry_stands_out_only_where_it_is_what_one_wants(api, browser) -> None:
    found, path = {}, f"/jobs/{(await api.new_job())['id']}"
    for status in ("completed", "failed", "cancelled"):
        async with api.database.transaction() as tx:
            await tx.execute(update(training_jobs).where(training_jobs.c.workspace_id == api.workspace_id).values(
                status=status))
        [link] = re.findall(f'<a class="([^"]+)" href="{path}/retry">', (await browser.get(path)).text)
        found[status] = "btn-primary" in link
    assert found == {"completed": False, "failed": True, "cancelled": True}


async def test_only_what_the_api_allows_is_offered(api, browser) -> None:
    job = await api.new_job()
    page = (await browser.get(f"/jobs/{job['id']}")).text
    assert job["allowed_actions"] == ["start", "cancel", "delete"]
    for action in ("do-cancel", "do-delete", f"/new-job?from_job={job['id']}", f"/jobs/{job['id']}/template"):
        assert action in page
    for action in ("do-pause", "do-resume", "do-switch_tier", "/retry"):
        assert action not in page


async def test_a_refusal_is_told_on_the_page_of_the_job(api, browser) -> None:
    job = await api.running_job()
    path = f"/jobs/{job['id']}"
    answer = await browser.send(f"{path}/start", page=path)
    assert answer.status_code == 409
    assert "Not possible now" in answer.text
    assert 'role="alert"' in answer.text
    answer = await browser.send(f"{path}/delete", page=path)
    assert answer.status_code == 409
    answer = await browser.send(f"{path}/explode", page=path)
    assert answer.status_code == 404


async def test_notes_name_and_tags_are_edited(api, browser) -> None:
    job = await api.new_job(name="Before")
    path = f"/jobs/{job['id']}"
    await browser.send(f"{path}/notes", page=path, notes="**bold** words")
    await browser.send(f"{path}/describe", page=path, name="After", description="d", tags="one, two")
    changed = await api.job(job["id"])
    assert (changed["name"], changed["tags"], changed["notes"]) == ("After", ["one", "two"], "**bold** words")
    assert "<strong>bold</strong>" in (await browser.get(path)).text


async def test_a_job_is_deleted(api, browser) -> None:
    job = await api.new_job()
    answer = await browser.send(f"/jobs/{job['id']}/delete", page=f"/jobs/{job['id']}")
    assert answer.headers["location"] == "/jobs?notice=deleted"
    assert (await browser.get(f"/jobs/{job['id']}")).status_code == 404


async def test_a_running_job_is_paused_and_moved(api, browser) -> None:
    job = await api.running_job()
    path = f"/jobs/{job['id']}"
    answer = await browser.send(f"{path}/pause", page=path, reason="lunch")
    assert answer.headers["location"].endswith("notice=paused")
    answer = await browser.send(f"{path}/resume", page=path, tier="on_demand")
    assert answer.status_code in (303, 409), answer.text


async def test_several_are_cancelled_deleted_and_compared(api, browser) -> None:
    jobs = [await api.new_job(), await api.running_job()]
    chosen = [job["id"] for job in jobs]
    answer = await browser.send("/jobs/selected", page="/jobs", action="delete", job=chosen)
    assert "1 done, 1 refused" in answer.text
    answer = await browser.send("/jobs/selected", page="/jobs", action="cancel", job=chosen[1])
    assert "1 done." in answer.text
    answer = await browser.send("/jobs/selected", page="/jobs", action="compare", job=chosen)
    assert answer.headers["location"] == f"/compare?job={chosen[0]}&job={chosen[1]}"


async def test_an_analyst_is_told_what_is_not_theirs(api, dashboard) -> None:
    from services.job_api.edge.auth import Role

    job = await api.new_job()
    analyst = await api.member(Role.ANALYST)
    browser = await Browser(dashboard).sign_in(analyst.headers["authorization"].removeprefix("Bearer "))
    path = f"/jobs/{job['id']}"
    answer = await browser.send(f"{path}/start", page=path)
    assert answer.status_code == 403
    assert "Not allowed" in answer.text
    page = (await browser.get(path)).text
    for offered in ("Start (", "do-cancel", "Copy and change", "Save as template"):
        assert offered not in page


async def test_an_administrator_is_offered_what_engineers_are(api, dashboard) -> None:
    """Whoever installs it has the one role."""
    from services.job_api.edge.auth import Role

    job = await api.new_job()
    admin = await api.member(Role.ADMIN)
    browser = await Browser(dashboard).sign_in(admin.headers["authorization"].removeprefix("Bearer "))
    assert 'href="/new-job"' in (await browser.get("/jobs")).text
    assert "Upload and check" in (await browser.get("/files")).text
    assert "Save as template" in (await browser.get(f"/jobs/{job['id']}")).text


async def test_who_waits_is_shown_with_the_place(api, browser) -> None:
    page = await browser.get("/queue")
    assert "Nobody waits" in page.text
