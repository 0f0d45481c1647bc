"""Every page to its full content: milliseconds and bytes."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from playwright.async_api import Browser, Page

from benchmarks.web_page.window import full_ms, visitor, weigh
from tests.browser.pages import PAGES

ROUNDS = 9


@dataclass(frozen=True)
class Loaded:
    name: str
    kilobytes: float
    first_ms: float  # by a browser that has kept nothing
    median_ms: float
    worst_ms: float


async def every_page(found: Browser, url: str, key: str, shown: dict[str, str], rounds: int = ROUNDS) -> list[Loaded]:
    """`shown`: what stands in the addresses of `tests/browser/pages.py`."""
    async with visitor(found, url, key) as page:
        return [await _one(page, name, url + path.format(**shown), rounds) for name, path in PAGES.items()]


async def _one(page: Page, name: str, address: str, rounds: int) -> Loaded:
    size, first = await weigh(page.context, page, address)
    times = [await full_ms(page, address) for _ in range(rounds)]
    return Loaded(name, size / 1000, first, median(times), max(times))
