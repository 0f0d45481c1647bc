"""What an open page does while things change around it: nothing twice, nothing lost, nothing taken from who writes."""

import pytest
from playwright.async_api import expect

from brightrun.client import Client
from brightrun.errors import Unreachable
from contracts import events
from tests.browser.conftest import PATIENCE_MS

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)


async def test_a_filter_of_the_log_counts_for_what_comes_live_and_shows_nothing_twice(api, signed_in) -> None:
    job = await api.running_job()
    page = await signed_in(f"/jobs/{job['id']}")
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")

    async def told(message: str) -> None:
        await api.tell(events.TrainingWarning(**api.about(job), code="x", message=message))

    await told("calm sea")
    await expect(page.locator("#live-entries")).to_contain_text("calm sea")
    await page.locator("#log-q").fill("calm")
    await expect(page.locator("#live-entries .entry")).to_have_count(0)
    await expect(page.locator("#entries .entry")).to_have_count(1)
    await told("rough sea")
    await told("calm again")
    await expect(page.locator("#entries .entry")).to_have_count(2)
    await expect(page.locator("#entries .entry").first).to_contain_text("calm again")
    await page.locator("#log-q").fill("")
    await expect(page.locator("#entries")).to_contain_text("rough sea")
    shown = await page.locator(".entries .entry").evaluate_all("rows => rows.map(row => row.id)")
    assert shown == [f"entry-{row['seq']}" for row in reversed(await api.log(job["id"]))]


async def test_the_end_of_a_job_takes_nothing_from_who_is_writing(api, signed_in) -> None:
    job = await api.running_job()
    page = await signed_in(f"/jobs/{job['id']}")
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    await page.locator("details:has(#notes) summary").click()
    await page.locator("#notes").fill("Half a thought")
    await api.client.post(f"/jobs/{job['id']}/cancel")
    await expect(page.locator("#connection")).to_contain_text("The job has ended.")
    await expect(page.locator("#notes")).to_have_value("Half a thought")
    await expect(page.locator("#job-header .status")).to_have_text("Cancelled")


async def test_who_is_signed_out_is_led_to_the_sign_in_and_back(api, signed_in, window) -> None:
    job = await api.running_job()
    page = await signed_in(f"/jobs/{job['id']}")
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    await page.context.clear_cookies()
    await page.context.set_offline(True)
    await expect(page.locator("#connection")).to_contain_text("Not connected")
    await page.context.set_offline(False)
    await page.wait_for_url("**/sign-in?next=*")
    await page.get_by_label("API key").fill(api.credentials["api_key"])
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"**/jobs/{job['id']}")
    window.complaints.clear()  # of what could not be fetched


async def test_rows_that_changed_meanwhile_come_and_the_others_keep_what_is_chosen(api, signed_in, window) -> None:
    job, _ = await api.new_job(name="Changes"), await api.new_job(name="Stays")
    page = await signed_in("/jobs")
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    await page.get_by_label("Choose Stays").check()
    await page.get_by_role("link", name="Stays").focus()
    await page.context.set_offline(True)
    await expect(page.locator("#connection")).to_contain_text("Not connected")
    await api.client.patch(f"/jobs/{job['id']}", json={"name": "Has changed"})
    await page.context.set_offline(False)
    await expect(page.get_by_role("link", name="Has changed")).to_be_visible()
    await expect(page.locator("#connection")).to_be_empty()
    await expect(page.get_by_role("link", name="Stays")).to_be_focused()
    await expect(page.get_by_label("Choose Stays")).to_be_checked()
    window.complaints.clear()


async def test_a_page_that_could_not_be_made_comes_by_itself(api, signed_in, dashboard, monkeypatch) -> None:
    await api.new_job(name="There again")
    page = await signed_in("/jobs")

    def away(*_: object, **__: object) -> None:
        raise Unreachable("Nobody is there.", "Wait.")

    with monkeypatch.context() as patch:
        patch.setattr(Client, "me", away)
        await page.goto(f"{dashboard}/jobs?q=There")
        await expect(page.locator("main")).to_contain_text("This page tries again by itself.")
    await expect(page.get_by_role("link", name="There again")).to_be_visible()
    assert page.url.endswith("/jobs?q=There")
