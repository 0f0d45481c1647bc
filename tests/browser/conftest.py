"""A real browser before a real page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser import chromium, controls
from tests.services.dashboard.conftest import api, dashboard, installation  # noqa: F401  fixtures
from tests.services.job_api.conftest import Api

# A busy machine: what is waited for comes, or the test is wrong.
PATIENCE_MS = 60_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest_asyncio.fixture(scope="session")
async def chrome() -> AsyncIterator[Browser]:
    path = chromium.program()
    if path is None:
        pytest.skip(chromium.MISSING)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        controls.watch(browser)
        yield browser
        await browser.close()


class Window:
    """A page that remembers what the browser complained about."""

    def __init__(self, page: Page) -> None:
        self.page, self.complaints = page, list[str]()
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))

    def _heard(self, kind: str, text: str) -> None:
        # A refused answer has its own page; htmx writes down each stream that ends, as one does when a page is left.
        if kind == "error" and "Failed to load resource" not in text and text != "[object Event]":
            self.complaints.append(text)


@pytest_asyncio.fixture
async def context(chrome: Browser) -> AsyncIterator[BrowserContext]:
    context = await chrome.new_context(locale="en-US", timezone_id="Europe/Berlin", viewport={"width": 1280,
                                                                                               "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    await context.close()


@pytest_asyncio.fixture
async def window(context: BrowserContext) -> AsyncIterator[Window]:
    """Fails the test for any script error and anything that the content policy stopped."""
    window = Window(await context.new_page())
    yield window
    assert window.complaints == []


@pytest.fixture
def signed_in(window: Window, dashboard: str, api: Api) -> Callable[..., object]:  # noqa: F811
    """`await signed_in()`: by the form, as the first administrator."""

    async def enter(path: str = "/jobs") -> Page:
        page = window.page
        await page.goto(f"{dashboard}/sign-in?next={path}")
        await page.get_by_label("API key").fill(api.credentials["api_key"])
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(lambda url: "/sign-in" not in url)
        return page

    return enter
