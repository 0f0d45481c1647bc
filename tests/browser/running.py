"""The running stack as the tests of its page use it: real services, real training, people of several workspaces."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from playwright.async_api import Browser, Page, expect

from brightrun.client import Client
from brightrun.credentials import Credentials
from brightrun.errors import BrightrunError
from chassis.database.engine import Database
from services.job_api.accounts import repository as accounts
from services.job_api.edge.auth import Role, new_api_key
from stack.parts import free_port
from tests.browser.conftest import PATIENCE_MS
from tests.fixtures.waiting import tries
from tests.system.stack_under_test import StackUnderTest

# A training, a restart: many seconds each on a busy machine.
LONG_MS = 180_000
# Remembers what the page says of its connection, however short.
_LISTEN = """() => {
  window.notLoadedAnew = true;
  window.said = [];
  const note = document.getElementById("connection");
  new MutationObserver(() => window.said.push(note.textContent)).observe(note, {childList: true});
}"""


@asynccontextmanager
async def running_stack(**environment: str) -> AsyncIterator[Running]:
    """A stack of its own, with these settings."""
    folder = Path(tempfile.mkdtemp(prefix="brightrun-page-"))
    system = StackUnderTest(folder / ".data")
    system.environment |= {"BRIGHTRUN_DASHBOARD_PORT": str(free_port())} | environment
    await asyncio.to_thread(system.up)
    yield Running(system)
    await asyncio.to_thread(system.down)
    shutil.rmtree(folder, ignore_errors=True)


class Running:
    """The stack, its page and who may use it."""

    def __init__(self, system: StackUnderTest) -> None:
        self.system = system
        state = json.loads((system.data / "stack.json").read_text())
        page = next(program for program in state["programs"] if program["name"] == "dashboard")
        self.port, self.api_url = int(page["port"]), str(state["url"])
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = str(json.loads((system.data / "credentials.json").read_text())["api_key"])

    def client(self, key: str = "") -> Client:
        return Client(Credentials(self.api_url, key or self.key))

    async def ask(self, call: Callable[[Client], Any], key: str = "") -> Any:
        """What the API has. The loop, with the browser's messages in it, goes on meanwhile."""

        def asked() -> Any:
            with self.client(key) as client:
                return call(client)

        return await asyncio.to_thread(asked)

    async def until(self, job_id: str, condition: Callable[[Any], bool]) -> Any:
        return await asyncio.to_thread(self.system.wait_for, job_id, condition)

    async def other_workspace(self) -> str:
        """The key of an administrator of a new workspace."""
        database, workspace, key = Database(self._database_url()), uuid4(), new_api_key()
        async with database.transaction() as tx:
            await accounts.ensure_workspace(tx, workspace, "The others")
            user = await accounts.ensure_user(tx, f"{key.prefix}@example.com")
            await accounts.add_roles(tx, workspace, user, list(Role))
            await accounts.add_api_key(tx, workspace_id=workspace, user_id=user, key=key, name="test",
                                       roles=list(Role), created_by=str(user))
        await database.dispose()
        return key.secret

    def _database_url(self) -> str:
        passwords = json.loads((self.system.data / "secrets.json").read_text())["databases"]
        port = json.loads((self.system.data / "stack.json").read_text())["ports"]["postgres"]
        return f"postgresql+asyncpg://job_api:{passwords['job_api']}@127.0.0.1:{port}/job_api"


async def signed_in(chrome: Browser, url: str, key: str, path: str = "/jobs") -> Page:
    """A window of its own for one person."""
    context = await chrome.new_context(locale="en-US", timezone_id="Europe/Berlin",
                                       viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    await page.goto(f"{url}/sign-in?next={path}")
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


async def listen(page: Page) -> None:
    """From now on `was_told` and `stayed` know."""
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    await page.evaluate(_LISTEN)


async def was_told(page: Page) -> bool:
    """Whether the page said that it is not connected, and says so no more."""
    await expect(page.locator("html")).to_have_attribute("data-live", "yes", timeout=LONG_MS)
    await expect(page.locator("#connection")).to_be_empty()
    return any("Not connected" in text for text in await page.evaluate("window.said"))


async def stayed(page: Page) -> bool:
    """Whether it is the same page since `listen`, never loaded anew."""
    return bool(await page.evaluate("window.notLoadedAnew === true"))


async def shown_entries(page: Page) -> list[int]:
    """The numbers of the log's entries in their order, all of its pages opened."""
    more = page.locator("#entries [id^=more-] a")
    while await more.count():
        async with page.expect_response("**/events?*"):
            await more.first.click()
        await page.wait_for_timeout(50)
    rows = page.locator("#live-entries .entry, #entries .entry")
    return list(await rows.evaluate_all("rows => rows.map(row => Number(row.id.replace('entry-', '')))"))


async def shown_points(page: Page) -> list[tuple[int, float]]:
    """Step and training loss of each point of the curve, the newest first, as its table says them."""
    chart = page.locator("[data-chart=loss]")
    if await chart.locator("[data-table]").is_hidden():
        await chart.get_by_role("button", name="Table").click()
    rows = await chart.locator("[data-table] tr").evaluate_all(
        "rows => rows.slice(1).map(row => [...row.cells].map(cell => cell.textContent))")
    return [(int(step), float(loss)) for step, loss, *_ in rows if loss != "–"]


async def has_everything(running: Running, page: Page, job_id: str) -> None:
    """The page has each entry and each point that the API has, once and in order. Raises AssertionError."""
    shown, known = None, None
    async for _ in tries(120, pause_s=0.3):
        try:
            known = await running.ask(lambda client: _known(client, job_id))
        except BrightrunError:  # a service that is just coming back
            continue
        shown = (await shown_entries(page), await shown_points(page))
        if shown == known:
            return
    raise AssertionError(f"The page shows (log, curve)\n{shown}\nand the API has\n{known}")


def _known(client: Client, job_id: str) -> tuple[list[int], list[tuple[int, float]]]:
    entries = [entry["seq"] for entry in client.all_events(job_id)]
    (loss,) = client.metrics(job_id, ["loss"], max_points=2_000)["series"]
    points = list(zip(loss["steps"], loss["values"], strict=True))
    return sorted(entries, reverse=True), sorted(points, reverse=True)
