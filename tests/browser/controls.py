"""Which controls of the pages a test in a browser has used. `make test-slow` ends with those that none has."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext

# The folder where tests write what they saw and used; without it they write nothing.
FOLDER = "BRIGHTRUN_CONTROLS"
_TELLS = Path(__file__).with_name("controls.js")


def watch(browser: Browser) -> None:
    """Every window that is opened from now on tells, if somebody wants to know."""
    if not (folder := os.environ.get(FOLDER)):
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    opened = browser.new_context

    async def telling(**options: Any) -> BrowserContext:
        context = await opened(**options)
        await listen(context, Path(folder) / f"{os.getpid()}.txt")
        return context

    browser.new_context = telling  # type: ignore[method-assign, assignment]


async def listen(context: BrowserContext, file: Path) -> None:
    """Writes a line "seen NAME" or "used NAME" into the file for each control of this context's pages."""

    def told(_: object, what: str, name: str) -> None:
        with file.open("a") as lines:
            lines.write(f"{what} {name}\n")

    await context.expose_binding("tellControl", told)
    await context.add_init_script(path=_TELLS)


def never_used(folder: Path) -> list[str]:
    """The names of the controls that some page had and nobody used."""
    told = {line for file in folder.glob("*.txt") for line in file.read_text().splitlines()}
    seen, used = ({line.removeprefix(what) for line in told if line.startswith(what)} for what in ("seen ", "used "))
    return sorted(seen - used)


def main(folder: Path) -> int:
    if not any(folder.glob("*.txt")):
        print("No test has opened a browser.")
        return 0
    if left := never_used(folder):
        print("These controls of the page are used by no test in a browser:", *left, sep="\n  ")
        return 1
    print("Every control of the page is used by a test in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
