"""The first run as a person walks it, without the time to read: sign-in, sample, check, start, result."""

from __future__ import annotations

import re
import time

from playwright.async_api import Browser, expect

from benchmarks.web_page.window import visitor


async def first_run(found: Browser, url: str, key: str, patience_s: float = 900.0) -> tuple[float, str]:
    """(seconds from the first page to the adapter's download, the job's id)."""
    began = time.monotonic()
    async with visitor(found, url, key, "/first-run") as page:
        await page.get_by_role("button", name="Take the sample").click()
        await page.get_by_role("button", name="Start it").click()
        await page.wait_for_url("**/jobs/*?notice=started")
        job_id = page.url.rpartition("/")[2].partition("?")[0]
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Completed", timeout=patience_s * 1000)
        adapter = page.get_by_role("link", name=re.compile("adapter|safetensors", re.IGNORECASE)).first
        await expect(adapter).to_be_visible(timeout=60_000)
        return time.monotonic() - began, job_id
