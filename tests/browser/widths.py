"""Whether a page fits a telephone."""

from __future__ import annotations

from playwright.async_api import Page

from tests.browser.pages import NARROW
from tests.fixtures.waiting import tries


async def width_at_380(page: Page) -> int:
    """Of the whole page, once its charts have followed the window."""
    await page.set_viewport_size(NARROW)
    width = 0
    async for _ in tries():
        width = int(await page.evaluate("document.documentElement.scrollWidth"))
        if width <= NARROW["width"]:
            break
    return width
