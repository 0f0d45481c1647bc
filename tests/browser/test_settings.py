"""Settings in a real browser: a key is made, copied and used; somebody comes in by a link and is removed."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import serious_problems
from tests.browser.conftest import PATIENCE_MS
from tests.services.dashboard.test_settings_notifications import channels, notifier  # noqa: F401  fixtures
from tests.services.notifier.conftest import webhook  # noqa: F401

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)


def agree(page: Page) -> None:
    page.on("dialog", lambda dialog: dialog.accept())


async def test_a_key_is_made_copied_used_and_revoked(api, signed_in, context) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await signed_in("/settings")
    agree(page)
    await page.get_by_role("link", name="API keys").click()
    await page.get_by_label("Name").fill("robot")
    await page.get_by_label("Analyst").check()
    await page.get_by_role("button", name="Make the key").click()
    secret = await page.get_by_label("API key", exact=True).input_value()
    assert await serious_problems(page) == []
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == secret
    assert (await api.as_key(secret).get("/me")).json()["roles"] == ["analyst"]
    row = page.get_by_role("row", name="robot")
    await row.get_by_text("Change").click()
    await row.get_by_label("The present key").select_option("3600")
    await row.get_by_role("button", name="Make a new one in its place").click()
    newer = await page.get_by_label("API key", exact=True).input_value()
    await row.first.get_by_text("Change").click()
    await row.first.get_by_role("button", name="Revoke").click()
    await expect(page.get_by_text("The key was revoked")).to_be_visible()
    await expect(row.first).to_contain_text("Revoked")
    assert [(await api.as_key(key).get("/me")).status_code for key in (secret, newer)] == [200, 401]


async def test_a_member_comes_in_by_a_link_and_is_removed_at_once(chrome, signed_in) -> None:
    page = await signed_in("/settings/members")
    agree(page)
    await page.get_by_label("Engineer").last.check()
    await page.get_by_role("button", name="Make the link").click()
    link = await page.get_by_label("Link of the invitation").input_value()
    assert await serious_problems(page) == []
    guests = await chrome.new_context(locale="en-US")
    guest = await guests.new_page()
    guest.set_default_timeout(PATIENCE_MS)
    await guest.goto(link)
    await expect(guest.get_by_role("heading", name="Join")).to_be_visible()
    assert "bri_" not in guest.url
    assert await serious_problems(guest) == []
    await guest.get_by_label("Your e-mail address").fill("guest@example.com")
    await guest.get_by_role("button", name="Accept with an API key").click()
    await expect(guest.get_by_role("heading", name="Your first API key")).to_be_visible()
    await guest.get_by_role("link", name="Go on").click()
    await guest.goto(page.url.split("/settings")[0] + "/settings")
    await expect(guest.get_by_role("main")).to_contain_text("guest@example.com")
    await page.get_by_role("link", name="Members").click()
    row = page.get_by_role("row", name="guest@example.com").first
    await row.get_by_text("Change", exact=True).click()
    await row.get_by_label("Analyst").check()
    await row.get_by_role("button", name="Save the roles").click()
    await expect(page.get_by_text("The roles were changed.")).to_be_visible()
    await expect(row).to_contain_text("Analyst, Engineer")
    await row.get_by_text("Change", exact=True).click()
    await row.get_by_role("button", name="Remove").click()
    await expect(page.get_by_text("The member was removed")).to_be_visible()
    await guest.reload()
    await expect(guest.get_by_role("heading", name="Sign in")).to_be_visible()
    await guests.close()


async def test_an_invitation_is_taken_back(signed_in) -> None:
    page = await signed_in("/settings/members")
    agree(page)
    await page.get_by_label("Address").fill("late@example.com")
    await page.get_by_label("Valid for").select_option("1 day")
    await page.get_by_label("Analyst").last.check()
    await page.get_by_role("button", name="Make the link").click()
    await page.get_by_role("button", name="Take back the invitation for late@example.com").click()
    await expect(page.get_by_text("The invitation was taken back.")).to_be_visible()
    await expect(page.get_by_text("Nobody is invited")).to_be_visible()


async def test_budget_rates_and_the_log_of_it(installation, dashboard, window) -> None:
    page = window.page
    agree(page)
    await page.goto(f"{dashboard}/sign-in?next=/settings/budget")
    await page.get_by_label("API key").fill(installation.credentials["api_key"])
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Limit of every month").fill("123.45")
    await page.get_by_role("button", name="Change the budget").click()
    await expect(page.get_by_text("The budget was changed.")).to_be_visible()
    await expect(page.get_by_text("$123.45").first).to_be_visible()
    await page.get_by_label("New rate of local").first.fill("0.5")
    await page.get_by_role("button", name="Save").first.click()
    await expect(page.get_by_text("The rate was changed")).to_be_visible()
    await expect(page.get_by_role("cell", name="$0.50")).to_be_visible()
    await page.get_by_role("link", name="Audit log").click()
    await page.get_by_label("What was done").fill("set_rate")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_role("row", name="Set rate")).to_have_count(1)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Export CSV").click()
    assert (await download.value).suggested_filename == "audit.csv"


async def test_notifications_are_chosen_and_tried(notifier, signed_in) -> None:  # noqa: F811
    page = await signed_in("/settings/notifications")
    box = page.get_by_label("A training finished: Slack")
    await box.uncheck()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await expect(box).not_to_be_checked()
    await page.get_by_role("button", name="Send a test message").click()
    await expect(page.get_by_text("A test message is on its way")).to_be_visible()
    await expect(page.get_by_role("row", name="A test message")).to_be_visible()
    assert await serious_problems(page) == []
