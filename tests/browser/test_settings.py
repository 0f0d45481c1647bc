"""Settings in a real browser: a key is made, copied and used; somebody comes in by a link and is removed."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import serious_problems
from tests.browser.conftest import PATIENCE_MS

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
    await row.get_by_role("button", name="Revoke").click()
    await expect(page.get_by_text("The key was revoked")).to_be_visible()
    await expect(row).to_contain_text("Revoked")
    assert (await api.as_key(secret).get("/me")).status_code == 401


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
    await row.get_by_role("button", name="Remove").click()
    await expect(page.get_by_text("The member was removed")).to_be_visible()
    await guest.reload()
    await expect(guest.get_by_role("heading", name="Sign in")).to_be_visible()
    await guests.close()
