"""python -m tests.browser.screenshots FOLDER [NAME ...]: every page of the running stack, both themes, wide and narrow.

`make up` and a job before it; the newest job that completed is photographed. With names (of `pages.py`): one screen of
each, light and wide, as in docs/images.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from brightrun.client import Client
from stack import dashboard
from stack.layout import Layout
from stack.state import read_state
from tests.browser import chromium
from tests.browser.pages import NARROW, PAGES, THEMES, WIDE

SIZES = {"wide": WIDE, "narrow": NARROW}
# Of a picture in a document.
SCREEN = {"width": 1280, "height": 960}


def photograph(browser: Browser, url: str, key: str, shown: dict[str, str], folder: Path) -> int:
    """How many pictures were written."""
    count = 0
    for theme in THEMES:
        context = browser.new_context(locale="en-US", color_scheme=theme, reduced_motion="reduce", viewport=WIDE)
        page = context.new_page()
        _sign_in(page, url, key)
        for name, path in PAGES.items():
            page.set_viewport_size(WIDE)
            page.goto(url + path.format(**shown))
            page.wait_for_timeout(700)  # curves are drawn after the page is there
            for size, viewport in SIZES.items():
                page.set_viewport_size(viewport)
                page.wait_for_timeout(200)
                page.screenshot(path=folder / f"{name}-{theme}-{size}.png", full_page=True)
                count += 1
        context.close()
    return count


def one_screen_each(browser: Browser, url: str, key: str, shown: dict[str, str], folder: Path, names: list[str]) -> int:
    """For documents: how many pictures were written."""
    context = browser.new_context(locale="en-US", color_scheme="light", reduced_motion="reduce", viewport=SCREEN)
    page = context.new_page()
    _sign_in(page, url, key)
    for name in names:
        page.goto(url + PAGES[name].format(**shown))
        page.wait_for_timeout(700)
        page.screenshot(path=folder / f"{name}.png")
    context.close()
    return len(names)


def best(jobs: list[dict[str, Any]]) -> dict[str, str]:
    """The newest one that has completed, else the newest, with its file: their pages show most. The next to compare."""
    found, *others = sorted(jobs, key=lambda job: job["status"] != "completed")
    return {"job": str(found["id"]), "file": str(found["training_file_id"]),
            "other": str((others or [found])[0]["id"])}


def _sign_in(page: Page, url: str, key: str) -> None:
    page.goto(f"{url}/sign-in?next=/jobs")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/jobs")


def main(folder: Path, names: list[str]) -> int:
    state, path = read_state(Layout.from_environment()), chromium.program()
    if state is None or not dashboard.address(state):
        print("The web page does not run. Start it with `make up`.", file=sys.stderr)
        return 1
    if unknown := set(names) - set(PAGES):
        print(f"There is no page {', '.join(sorted(unknown))}; there are {', '.join(PAGES)}.", file=sys.stderr)
        return 1
    if path is None:
        print(chromium.MISSING, file=sys.stderr)
        return 1
    with Client() as client:
        key, jobs = client.credentials.api_key, client.jobs(limit=10).data
    if not jobs:
        print("There is no job to look at: `make demo` makes one.", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        look = browser, dashboard.address(state), key, best(jobs), folder
        count = one_screen_each(*look, names) if names else photograph(*look)
        browser.close()
    print(f"{count} pictures in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
