"""Fields of Settings in a real browser that the ways through it leave out: the audit log's filters, whose a key is and
until when, every notification, the folds."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PATIENCE_MS
from tests.services.dashboard.test_settings_notifications import channels, notifier  # noqa: F401  fixtures
from tests.services.notifier.conftest import webhook  # noqa: F401

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)


async def test_every_filter_of_the_audit_log_leaves_what_it_says(installation, dashboard, window) -> None:
    api, page = installation, window.page
    job = await api.new_job()
    await api.client.patch(f"/jobs/{job['id']}", json={"name": "other"})
    me = (await api.client.get("/me")).json()
    await page.goto(f"{dashboard}/sign-in?next=/settings/audit")
    await page.get_by_label("API key").fill(api.credentials["api_key"])
    await page.get_by_role("button", name="Sign in").click()
    search = page.get_by_role("search", name="Filter the audit log")
    entry = page.get_by_role("rowheader", name="Edit job").first
    for label, right, wrong in (
            ("What was done", "edit_job", "explode"), ("Who (id)", me["subject"], "nobody"),
            ("Key (as listed)", api.credentials["api_key"][:11], "brk_none"), ("On what (id)", job["id"], "nothing"),
            ("From (address)", "127.0.0.1", "10.9.9.9"), ("From the day (UTC)", "2020-01-01", "2099-01-01"),
            ("Before the day (UTC)", "2099-01-01", "2020-01-01")):
        for value in (wrong, right):
            await search.get_by_label(label).fill(value)
            await search.get_by_role("button", name="Apply").click()
            await expect(entry if value == right else page.get_by_text("No entry is like that")).to_be_visible()
    for label, right, wrong in (("Outcome", "Succeeded", "Denied"), ("Of", "The installation", "")):
        for value in filter(None, (wrong, right)):
            await search.get_by_label(label, exact=True).select_option(value)
            await search.get_by_role("button", name="Apply").click()
            await expect(entry if value == right else page.get_by_text("No entry is like that")).to_be_visible()
    more = page.get_by_text("More", exact=True).first
    await more.click()
    await expect(page.get_by_text(re.compile("^Trace:|Program:")).first).to_be_visible()
    await page.get_by_role("link", name="Reset").click()
    await expect(search.get_by_label("What was done")).to_have_value("")


async def test_a_key_of_somebody_else_ends_by_itself(api, signed_in, context) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await signed_in("/settings/keys")
    await page.get_by_label("Name").fill("Of a guest")
    await page.get_by_label("Whose").fill("guest@example.com")
    await page.get_by_label("Works until the end of").fill("2099-06-30")
    await page.get_by_label("Engineer").check()
    await page.get_by_role("button", name="Make the key").click()
    row = page.get_by_role("row", name="Of a guest")
    await expect(row).to_contain_text("guest@example.com")
    await expect(row).to_contain_text("2099")
    await row.get_by_text("Change", exact=True).click()
    await row.get_by_role("button", name="Make a new one in its place").click()
    secret = await page.get_by_label("API key", exact=True).input_value()
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == secret
    assert (await api.as_key(secret).get("/me")).json()["email"] == "guest@example.com"


async def test_the_link_of_an_invitation_is_copied_and_pasted(chrome, signed_in, context) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await signed_in("/settings/members")
    await page.get_by_label("Analyst").last.check()
    await page.get_by_role("button", name="Make the link").click()
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    link = await page.evaluate("navigator.clipboard.readText()")
    guests = await chrome.new_context(locale="en-US", permissions=["clipboard-read", "clipboard-write"])
    guest = await guests.new_page()
    guest.set_default_timeout(PATIENCE_MS)
    await guest.goto(page.url.split("/settings")[0] + "/invitation")
    await guest.get_by_label("Link or code that you were sent").fill("nonsense")
    await guest.get_by_role("button", name="Open it").click()
    await expect(guest.get_by_role("alert")).to_be_visible()
    await guest.get_by_label("Link or code that you were sent").fill(link)
    await guest.get_by_role("button", name="Open it").click()
    await guest.get_by_label("Your e-mail address").fill("pasted@example.com")
    await guest.get_by_label("Name of your API key").fill("laptop")
    await guest.get_by_role("button", name="Accept with an API key").click()
    secret = await guest.get_by_label("API key", exact=True).input_value()
    await guest.get_by_role("button", name="Copy").click()
    await expect(guest.get_by_text("Copied.")).to_be_visible()
    assert await guest.evaluate("navigator.clipboard.readText()") == secret
    await guests.close()
    await page.reload()
    await page.get_by_text(re.compile("used, taken back or expired")).click()
    await expect(page.get_by_role("row", name="whoever").or_(page.get_by_text("Used")).last).to_be_visible()


async def test_every_notification_is_chosen(notifier, signed_in) -> None:  # noqa: F811
    page = await signed_in("/settings/notifications")
    boxes = page.get_by_role("checkbox")
    before = [await boxes.nth(number).is_checked() for number in range(await boxes.count())]
    for number, was in enumerate(before):
        await boxes.nth(number).set_checked(not was)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await page.reload()
    assert [await boxes.nth(number).is_checked() for number in range(len(before))] == [not was for was in before]
