"""A browser's window: signed in, timed, weighed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser import chromium
from tests.browser.pages import WIDE

# Resolves with the milliseconds since the address was asked for, once nothing is on its way any more, every curve that
# can be seen is drawn, and the frame with it was painted.
_FULL = """() => new Promise((resolve) => {
  const look = () => {
    const waits = document.readyState !== "complete" || document.querySelector(".htmx-request")
      || [...document.querySelectorAll("[data-chart]")].some((chart) => chart.checkVisibility()
        && /^Loading/.test(chart.querySelector("[data-note]")?.textContent ?? ""));
    if (waits) setTimeout(look, 5);
    else requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
  };
  look();
})"""


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    path = chromium.program()
    if path is None:
        raise SystemExit(chromium.MISSING)
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        yield found
        await found.close()


@asynccontextmanager
async def visitor(found: Browser, url: str, key: str, leads_to: str = "/jobs") -> AsyncIterator[Page]:
    """A window of somebody who has signed in and is where `leads_to` says."""
    context = await found.new_context(locale="en-US", viewport=WIDE)  # type: ignore[arg-type]
    context.set_default_timeout(120_000)
    try:
        page = await context.new_page()
        await page.goto(f"{url}/sign-in?next={leads_to}")
        await page.get_by_label("API key").fill(key)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"**{leads_to}")
        yield page
    finally:
        await context.close()


async def full_ms(page: Page, address: str) -> float:
    """From asking for the address to its full content."""
    await page.goto(address)
    return float(await page.evaluate(_FULL))


@dataclass
class Weight:
    """Bytes that came over the line, headers included."""

    bytes: int = 0


async def weigh(context: BrowserContext, page: Page, address: str) -> tuple[int, float]:
    """(bytes as they came, milliseconds) of an address for a browser that has kept nothing."""
    weight = Weight()
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.clearBrowserCache")
    session.on("Network.loadingFinished",
               lambda event: setattr(weight, "bytes", weight.bytes + int(event["encodedDataLength"])))
    took = await full_ms(page, address)
    await asyncio.sleep(0.3)  # what the last answers weigh is told a moment later
    await session.detach()
    return weight.bytes, took
