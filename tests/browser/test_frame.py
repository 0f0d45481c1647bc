"""What stands around every page: its menu, light and dark, the way out."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PATIENCE_MS

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)


async def test_the_menu_leads_to_each_page_and_says_where_one_is(signed_in) -> None:
    page = await signed_in()
    menu = page.get_by_role("navigation", name="Pages").get_by_role("link")
    for number in range(await menu.count()):
        entry = menu.nth(number)
        address = await entry.get_attribute("href")
        await entry.click()
        await page.wait_for_url(f"**{address}*")
        await expect(entry).to_have_attribute("aria-current", "page")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert await menu.count() >= 7


async def test_colours_are_changed_and_kept(signed_in) -> None:
    page = await signed_in()
    await page.emulate_media(color_scheme="light")
    await page.reload()
    html, button = page.locator("html"), page.get_by_role("button", name="Colours")
    await expect(html).to_have_attribute("data-bs-theme", "light")
    await button.click()
    await expect(html).to_have_attribute("data-bs-theme", "dark")
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.get_by_role("link", name="Files").first.click()
    await expect(html).to_have_attribute("data-bs-theme", "dark")
    await button.click()
    await expect(html).to_have_attribute("data-bs-theme", "light")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != dark


async def test_who_signs_out_is_out_with_the_button_back_too(signed_in, dashboard) -> None:
    page = await signed_in()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_text("You are signed out.")).to_be_visible()
    await expect(page.get_by_role("navigation", name="Pages")).to_have_count(0)
    await page.go_back()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.goto(f"{dashboard}/jobs")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
