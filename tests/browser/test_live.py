"""What a person sees while a real job trains on the running stack: live, after a reload, in a second tab, and when
connections break and services die."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser import running as helpers
from tests.browser.conftest import PATIENCE_MS
from tests.browser.pages import PAGES
from tests.browser.running import LONG_MS, Running, has_everything, listen, running_stack, stayed, was_told
from tests.faults.link import Link
from tests.fixtures.waiting import tries
from tests.system.stack_under_test import SAMPLE

FOCUS_IS_SEEN = """() => {
  const looks = getComputedStyle(document.activeElement);
  if (document.activeElement === document.body) return true; // what had it was replaced just now
  return (looks.outlineStyle !== "none" && looks.outlineWidth !== "0px") || looks.boxShadow !== "none";
}"""
expect.set_options(timeout=PATIENCE_MS)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("browser_stack")]


@pytest_asyncio.fixture(scope="module")
async def running() -> AsyncIterator[Running]:
    async with running_stack() as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def long_job(running: Running) -> AsyncIterator[str]:
    """A job that has made steps and makes many more."""
    job = await asyncio.to_thread(lambda: running.system.start_job(
        preset="balanced", hyperparameters={"num_epochs": 50}))
    await running.until(job.id, lambda found: (found.current_step or 0) >= 3)
    yield job.id
    await running.ask(lambda client: client.cancel(job.id, "seen enough"))


async def watched(chrome: Browser, running: Running, job_id: str, url: str = "") -> Page:
    page = await helpers.signed_in(chrome, url or running.url, running.key, f"/jobs/{job_id}")
    await listen(page)
    return page


async def step(running: Running, job_id: str, more: int = 0) -> int:
    """The job's step, once there are so many more than now."""
    now = (await running.ask(lambda client: client.job(job_id))).current_step or 0
    return (await running.until(job_id, lambda found: (found.current_step or 0) >= now + more)).current_step


async def test_a_job_from_its_start_to_its_end_with_a_reload_and_a_second_tab(chrome, running) -> None:
    uploaded = await running.ask(lambda client: client.upload(SAMPLE))
    job = await running.ask(lambda client: client.create_job(uploaded.id, preset="balanced", name="Watched"))
    page = await helpers.signed_in(chrome, running.url, running.key, f"/jobs/{job.id}")
    await page.get_by_role("button", name="Start (").click()
    await listen(page)
    await expect(page.locator("#job-header .status")).to_have_text("Training", timeout=LONG_MS)
    await expect(page.locator("[data-chart=loss] canvas")).to_be_visible()
    assert await stayed(page)
    assert "The job is now" in (await page.locator("#announce").text_content() or "")

    await page.reload()
    await listen(page)
    second = await page.context.new_page()
    await second.goto(page.url)
    for each in (page, second):
        await expect(each.locator("#job-header .status")).to_have_text("Completed", timeout=LONG_MS)
        await expect(each.locator("#job")).not_to_have_attribute("sse-connect", "", timeout=LONG_MS)
    await running.until(job.id, lambda found: found.status == "completed" and bool(found.validation))
    for each in (page, second):
        await expect(each.locator("[aria-labelledby=proof-title]")).to_contain_text("Verdict", timeout=LONG_MS)
        await has_everything(running, each, job.id)
        assert await each.get_by_role("link", name="Download").first.is_visible()
    await page.context.close()


def long_conversations(path: Path) -> Path:
    """Of which a limit of 128 tokens leaves no answer, and one of 256 leaves them all."""
    question = "I have saved for years and still wake at night about it. " * 14
    records = [{"messages": [{"role": "user", "content": f"{question}Number {number}?"},
                             {"role": "assistant", "content": f"Let us look at number {number} together."}]}
               for number in range(12)]
    path.write_text("\n".join(map(json.dumps, records)))
    return path


async def test_a_failure_is_told_and_its_retry_with_the_suggested_change_completes(chrome, running, tmp_path) -> None:
    file = long_conversations(tmp_path / "long.jsonl")
    job = await asyncio.to_thread(lambda: running.system.start_job(
        file, preset="conservative", hyperparameters={"max_seq_length": 128, "num_epochs": 1}))
    page = await helpers.signed_in(chrome, running.url, running.key, f"/jobs/{job.id}")
    alert = page.locator("#job-header").get_by_role("alert")
    await expect(alert).to_contain_text("The conversations are longer than the limit", timeout=LONG_MS)
    await expect(alert).to_contain_text("What to do")
    await page.get_by_role("link", name="Retry").click()
    await expect(page.get_by_role("row", name="Max seq length")).to_contain_text("128")
    await expect(page.get_by_role("row", name="Max seq length")).to_contain_text("256")
    await page.get_by_role("button", name="Start the retry").click()
    await expect(page.get_by_text("The retry was started.")).to_be_visible()
    await expect(page.locator("#job-header .status")).to_have_text("Completed", timeout=LONG_MS)
    await expect(page.get_by_text("Retry of an earlier job")).to_be_visible()
    await page.context.close()


async def test_people_of_two_workspaces_do_not_see_each_other(chrome, running) -> None:
    uploaded = await running.ask(lambda client: client.upload(SAMPLE))
    job = await running.ask(lambda client: client.create_job(uploaded.id, name="Ours alone", tags=["ours"]))
    stranger = await helpers.signed_in(chrome, running.url, await running.other_workspace())
    await expect(stranger.locator("main")).to_contain_text("No jobs yet")
    ours = {"job": job.id, "file": uploaded.id, "other": job.id}
    for path in [path for path in PAGES.values() if "{" in path]:
        await stranger.goto(running.url + path.format(**ours))
        text = await stranger.locator("body").inner_text()
        assert "Ours alone" not in text, path
        assert SAMPLE.name not in text, path
    await stranger.goto(f"{running.url}/jobs/{job.id}")
    await expect(stranger.get_by_role("heading", level=1)).to_have_text("Not found")
    told = await stranger.evaluate("address => fetch(address).then(answer => answer.text())", f"/jobs/{job.id}/live")
    assert "event: end" in told
    assert "Ours alone" not in told
    assert "event: header" not in told

    here = await helpers.signed_in(chrome, running.url, running.key, "/jobs?q=Ours")
    await listen(here)
    await stranger.goto(f"{running.url}/jobs?q=Ours")
    await expect(stranger.locator("#jobs-table")).to_contain_text("No job is like that")
    await running.ask(lambda client: client.edit_job(job.id, name="Ours and renamed"))
    await expect(here.get_by_role("link", name="Ours and renamed")).to_be_visible()
    assert "Ours" not in await stranger.locator("#jobs-table").inner_text()
    for page in (here, stranger):
        await page.context.close()


async def test_a_service_that_is_away_greys_out_its_card_until_it_is_back(chrome, running) -> None:
    uploaded = await running.ask(lambda client: client.upload(SAMPLE))
    job = await running.ask(lambda client: client.create_job(uploaded.id, name="Half a page"))
    await asyncio.to_thread(running.system.command, "stack", "stop", "validator")
    page = await helpers.signed_in(chrome, running.url, running.key, f"/jobs/{job.id}")
    proof = page.locator("[aria-labelledby=proof-title]")
    await expect(proof.locator(".away")).to_contain_text("cannot be shown just now")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Half a page")
    await expect(page.locator("#job-cost")).to_contain_text("$")
    await expect(page.locator("#entries")).to_contain_text("created with the preset")
    await listen(page)
    await asyncio.to_thread(running.system.command, "stack", "start", "validator")
    await expect(proof).to_contain_text("Not evaluated yet", timeout=LONG_MS)
    assert await page.locator(".away").count() == 0
    assert await stayed(page)
    await page.context.close()


async def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until it has the focus, which is to be seen at each stop."""
    for _ in range(150):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement === document.body"):
            continue
        assert await page.evaluate(FOCUS_IS_SEEN), await page.evaluate("document.activeElement.outerHTML.slice(0, 300)")
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached")


async def test_from_the_sign_in_to_a_started_job_and_its_cancellation_without_a_mouse(chrome, running) -> None:
    await running.ask(lambda client: client.upload(SAMPLE))
    context = await chrome.new_context(locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    await page.goto(f"{running.url}/sign-in?next=/jobs")
    await page.keyboard.type(running.key)  # the field has the focus
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{running.url}/jobs")
    await tab_to(page, ".skip")
    await page.keyboard.press("Enter")
    await tab_to(page, "main a[href='/new-job']")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/new-job")
    await tab_to(page, "#training_file_id")
    await page.keyboard.press("ArrowDown")
    await tab_to(page, "#job-name")
    await page.keyboard.type("Without a mouse")
    await tab_to(page, "#new-job button.btn-primary")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Review: Without a mouse")).to_be_visible()
    await tab_to(page, "[action='/new-job/start'] button.btn-primary")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The job was started.")).to_be_visible()
    await expect(page.locator("#job-header .status")).to_have_text("Training", timeout=LONG_MS)
    await tab_to(page, "[data-opens=do-cancel]")
    await page.keyboard.press("Enter")
    await tab_to(page, "#reason-cancel")
    await page.keyboard.type("seen enough")
    await page.keyboard.press("Enter")
    await expect(page.locator("#job-header .status")).to_have_text("Cancelled", timeout=LONG_MS)
    await context.close()


async def test_the_focus_stays_while_the_page_moves(chrome, running, long_job) -> None:
    page = await watched(chrome, running, long_job)
    await page.locator("#job-header a").first.focus()
    await page.evaluate("window.first = document.activeElement")
    async for _ in tries(60):
        if not await page.evaluate("window.first.isConnected"):
            break
    assert await page.evaluate("!window.first.isConnected && document.activeElement.closest('#job-header') !== null")
    await page.context.close()


async def test_a_lost_connection_comes_back_with_nothing_lost_or_doubled(chrome, running, long_job) -> None:
    page = await watched(chrome, running, long_job)
    await page.context.set_offline(True)
    await expect(page.locator("#connection")).to_contain_text("Not connected")
    await step(running, long_job, more=3)
    await page.context.set_offline(False)
    assert await was_told(page)
    await has_everything(running, page, long_job)
    assert await stayed(page)
    await page.context.close()


async def test_a_stream_that_is_cut_is_resumed_with_nothing_lost_or_doubled(chrome, running, long_job) -> None:
    async with Link(running.port) as link:
        page = await watched(chrome, running, long_job, f"http://127.0.0.1:{link.port}")
        link.cut()
        await expect(page.locator("#connection")).to_contain_text("Not connected")
        await step(running, long_job, more=3)
        link.mend()
        assert await was_told(page)
        await has_everything(running, page, long_job)
        assert await stayed(page)
        await page.context.close()


async def test_services_that_are_killed_come_back_on_the_open_pages(chrome, running, long_job) -> None:
    page = await watched(chrome, running, long_job)
    jobs = await page.context.new_page()
    await jobs.goto(f"{running.url}/jobs")
    await listen(jobs)
    for service in ("dashboard", "job_api"):
        await page.evaluate("window.said = []")
        await asyncio.to_thread(running.system.kill_program, service)
        await expect(page.locator("#connection")).to_contain_text("Not connected", timeout=LONG_MS)
        assert await was_told(page)
    await asyncio.to_thread(running.system.kill_program, "metrics_ingest")  # which no page is connected to
    await step(running, long_job, more=3)
    await has_everything(running, page, long_job)
    await running.ask(lambda client: client.edit_job(long_job, name="After all of it"))
    await expect(jobs.get_by_role("link", name="After all of it")).to_be_visible(timeout=LONG_MS)
    assert await stayed(page)
    assert await stayed(jobs)
    await page.context.close()


async def test_another_attempt_takes_over_in_the_open_curve(chrome, running, long_job) -> None:
    page = await watched(chrome, running, long_job)
    for process in await asyncio.to_thread(running.system.trainers, long_job):
        os.kill(process.pid, signal.SIGKILL)
    await running.until(long_job, lambda found: found.attempt == 2 and found.status == "training")
    await step(running, long_job, more=2)
    await has_everything(running, page, long_job)
    assert await stayed(page)
    await page.context.close()
