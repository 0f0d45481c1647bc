"""axe-core on a page: what hinders people who use a keyboard, a screen reader, or see little contrast."""

from __future__ import annotations

from functools import cache
from typing import Any

from playwright.async_api import Page

from stack.dashboard import PACKAGES

SERIOUS = ("serious", "critical")


@cache
def _script() -> str:
    return (PACKAGES / "axe-core" / "axe.min.js").read_text()


async def serious_problems(page: Page) -> list[str]:
    """`rule: element` of each."""
    await page.evaluate(_script())
    found: dict[str, Any] = await page.evaluate("() => axe.run({resultTypes: ['violations']})")
    return [f"{each['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
            for each in found["violations"] if each["impact"] in SERIOUS for node in each["nodes"]]
