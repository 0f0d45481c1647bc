"""Where the links of a page lead."""

import re
from urllib.parse import urlsplit

from playwright.async_api import Page

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
# Each address of the open page, and whether its own page has the place that it names.
_LINKS = """() => [...document.querySelectorAll("a[href]")].map((link) => [link.href,
  link.hash === "" || link.href.split("#")[0] !== location.href.split("#")[0]
  || document.getElementById(link.hash.slice(1)) !== null])"""


async def links(page: Page) -> dict[str, str]:
    """Kind of address (no ids, no values) -> one of that kind. Raises AssertionError for a place that is not there."""
    found = dict[str, str]()
    for address, is_there in await page.evaluate(_LINKS):
        assert is_there, f"{page.url} has no place {address}"
        parts = urlsplit(address)
        asked = sorted(part.split("=")[0] for part in parts.query.split("&") if part)
        found[f"{_ID.sub('*', parts.path)}?{'&'.join(asked)}"] = address.split("#")[0]
    return found


async def broken(page: Page, addresses: list[str], host: str) -> list[str]:
    """Those that lead away or to a refusal, with what is wrong."""
    found = [f"{address} leads away" for address in addresses if not address.startswith(host)]
    for address in addresses:
        if address.startswith(host):
            answer = await page.request.get(address, timeout=60_000)
            found += [f"{address} answers {answer.status}"] if answer.status >= 400 else []
    return found
