"""The page Operations in a real browser: it refreshes itself and leaves alone what somebody looks at."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.axe import serious_problems
from tests.browser.conftest import PATIENCE_MS, Window
from tests.browser.pages import NARROW, THEMES, WIDE
from tests.browser.test_hostile import OWNED
from tests.browser.widths import width_at_380
from tests.services.dashboard.test_operations import HOSTILE, dead_letter, rented  # noqa: F401  a fixture
from tests.services.job_api.conftest import Api

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)
A_MINUTE_MS = 60_000


@pytest_asyncio.fixture
async def operations(window: Window, dashboard: str, installation: Api, rented) -> AsyncIterator[Page]:  # noqa: F811
    """As the operator sees it, with one dead letter and a clock that can be set."""
    await installation.jetstream.purge_stream("DLQ")
    await dead_letter(installation, json.dumps({"data": {"note": HOSTILE}}).encode())
    page = window.page
    await page.clock.install()
    await page.goto(f"{dashboard}/sign-in?next=/operations")
    await page.get_by_label("API key").fill(installation.credentials["api_key"])
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/operations")
    yield page


async def test_a_refresh_leaves_the_focus_and_what_is_open(installation, operations, window) -> None:
    page = operations
    letters = page.locator("#dead-letters > li")
    await expect(letters).to_have_count(1)
    await letters.first.get_by_text("Message", exact=True).click()
    await expect(letters.first.locator("pre")).to_contain_text('"note": "<script>alert')
    await page.locator("#services details summary").first.click()
    await page.locator("#replay-all").focus()
    await dead_letter(installation, **{"x-error": HOSTILE})
    await expect(letters).to_have_count(2)
    await expect(letters.last).to_contain_text("<img src=x")
    await expect(letters.first.locator("pre")).to_be_visible()
    await expect(page.locator("#services details[open]")).to_have_count(1)
    await expect(page.locator("#replay-all")).to_be_focused()  # its row is another one now
    await expect(page.locator("#replay-all")).to_have_text("Replay all 2")
    times = page.locator("#as-of time")
    before = await times.get_attribute("datetime")
    await expect(times).not_to_have_attribute("datetime", before or "")
    await expect(times).to_have_attribute("data-local", "")


async def test_it_asks_for_nothing_while_stopped_or_hidden(operations) -> None:
    page, asked = operations, list[str]()
    page.on("request", lambda request: asked.append(request.url) if "/operations/now" in request.url else None)

    async def next_refresh() -> None:
        async with page.expect_response("**/operations/now*"):
            pass

    await next_refresh()
    await page.get_by_role("button", name="Stop refreshing").click()
    await page.wait_for_load_state("networkidle")
    known = len(asked)
    await page.clock.fast_forward(A_MINUTE_MS)
    assert len(asked) == known
    async with page.expect_response("**/operations/now*"):
        await page.get_by_role("button", name="Refresh again").click()
    await page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    await page.wait_for_load_state("networkidle")
    known = len(asked)
    await page.clock.fast_forward(A_MINUTE_MS)
    assert len(asked) == known
    async with page.expect_response("**/operations/now*"):
        await page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    await next_refresh()


async def test_a_lost_connection_is_said_and_hides_nothing(operations, window) -> None:
    page = operations
    await page.route("**/operations/now*", lambda route: route.abort())
    await expect(page.locator("#freshness")).to_contain_text("Not refreshed.")
    await expect(page.locator("#services tr")).to_have_count(6)
    await page.unroute("**/operations/now*")
    await expect(page.locator("#freshness")).to_contain_text("As of")
    assert all(re.search("htmx|now|Event", complaint) for complaint in window.complaints), window.complaints
    window.complaints.clear()


async def test_dead_letters_are_replayed_after_a_question(installation, operations) -> None:
    page, answers = operations, [False, True]
    page.on("dialog", lambda dialog: dialog.accept() if answers.pop(0) else dialog.dismiss())
    letters = page.locator("#dead-letters > li")
    await letters.first.get_by_role("button", name="Replay").click()
    assert answers == [True]
    await expect(letters).to_have_count(1)
    await letters.first.get_by_role("button", name="Replay").click()
    await expect(page.get_by_text("The message was sent again.")).to_be_visible()
    await expect(page.get_by_text("No dead letters")).to_be_visible()
    answers.append(True)
    await dead_letter(installation)
    await page.get_by_role("button", name="Replay all 1").click()
    await expect(page.get_by_role("status")).to_contain_text("1 message was sent again")
    await page.get_by_role("link", name="Back to Operations").click()
    await dead_letter(installation, b"x" * 100_000)
    await page.get_by_role("link", name="See all").click()
    await page.get_by_text("Message", exact=True).click()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download").click()
    assert (await download.value).suggested_filename.endswith(".txt")
    await page.locator("#dead-letters a, .entries a").first.click()
    await expect(page.get_by_role("heading", name="Reason")).to_be_visible()
    answers.append(True)
    await page.get_by_role("button", name="Replay").click()
    await expect(page.get_by_text("The message was sent again.")).to_be_visible()


async def test_both_themes_and_narrow(operations, dashboard) -> None:
    page, found = operations, []
    letter = await page.locator("#dead-letters a").first.get_attribute("href")
    for path in ("/operations", "/operations/dead-letters", letter or ""):
        await page.set_viewport_size(WIDE)
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            await page.goto(dashboard + path)
            found += [f"{path} ({theme}): {problem}" for problem in await serious_problems(page)]
        found += [f"{path}: markup came to life"] if await page.evaluate(OWNED) else []
        width = await width_at_380(page)
        if width > NARROW["width"]:
            found.append(f"{path} is {width} px wide at {NARROW['width']}")
    assert found == [], "\n".join(found)
