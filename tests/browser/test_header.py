"""The header: one row for an operator at 1,280 pixels, whatever the names; nothing out of reach on a telephone."""

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import text

from services.dashboard.navigation import ENTRIES
from tests.browser.conftest import PATIENCE_MS
from tests.browser.pages import NARROW, WIDE
from tests.browser.widths import width_at_380

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)
LONG = "Institute for the very patient training of small models and of those who train them"


async def as_operator(page: Page, dashboard: str, installation) -> None:
    await page.goto(f"{dashboard}/sign-in?next=/jobs")
    await page.get_by_label("API key").fill(installation.credentials["api_key"])
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/jobs")


async def tops(page: Page) -> list[float]:
    """The middle of everything in the header that can be pressed, from above."""
    return await page.locator("header a, header button").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(box => Math.round(box.top + box.height / 2))")


@pytest.mark.parametrize("name", ["Own", LONG])
async def test_everything_stands_in_one_row_at_1280(installation, dashboard, window, name) -> None:
    async with installation.database.transaction() as tx:
        await tx.execute(text("UPDATE workspaces SET name = :name WHERE id = :id"),
                         {"name": name, "id": installation.workspace_id})
    page = window.page
    await page.set_viewport_size(WIDE)
    await as_operator(page, dashboard, installation)
    await expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_count(len(ENTRIES))
    middles = await tops(page)
    assert max(middles) - min(middles) <= 4, middles
    assert await page.evaluate("document.documentElement.scrollWidth") <= WIDE["width"]
    await expect(page.locator(".who-name")).to_contain_text(name)


async def test_everything_can_be_reached_at_380(installation, dashboard, window) -> None:
    page = window.page
    await as_operator(page, dashboard, installation)
    assert await width_at_380(page) <= NARROW["width"]
    for part in await page.locator("header a, header button").all():
        box = await part.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= NARROW["width"]
    await page.get_by_role("link", name="Operations").click()
    await page.wait_for_url("**/operations")
