"""Jobs beside each other in a real browser: chosen in the list, looked at in several ways, linked, exported."""

import re

import pytest
from playwright.async_api import expect
from pypdf import PdfReader

from tests.browser.axe import serious_problems
from tests.browser.conftest import PATIENCE_MS
from tests.services.dashboard.test_compare import two_proven

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)
HOSTILE = '<img src=x onerror="document.title=1">'


async def test_from_the_list_to_a_view_that_a_link_shows_again(api, signed_in) -> None:
    await two_proven(api)
    page = await signed_in("/jobs")
    compare = page.get_by_role("button", name="Compare")
    await page.get_by_label("Choose First").check()
    await expect(compare).to_be_disabled()
    await page.get_by_label("Choose Second").check()
    await compare.click()
    await expect(page.get_by_role("heading", name="Recommended: Second")).to_be_visible()
    await expect(page.locator("[data-note]")).to_contain_text("First: showing 2 of 2 points, last value 2.")
    await expect(page.locator(".u-legend .u-label").nth(2)).to_be_visible()
    await page.get_by_role("combobox", name="Show").select_option("Validation loss")
    await page.get_by_role("combobox", name="Over").select_option("Epoch")
    await page.get_by_label("Smoothing").fill("0")
    await page.get_by_label("log y").check()
    for part in ("axis=epoch", "curve=validation_loss", "smoothing=0", "log=1"):
        assert part in page.url, part
    await page.get_by_role("link", name="Make it the baseline").click()
    await expect(page.locator("thead .baseline").first).to_contain_text("First")
    link = await page.get_by_role("link", name="Link to this view").get_attribute("href")
    await page.goto(link if link.startswith("http") else page.url.split("/compare")[0] + link)
    await expect(page.get_by_role("combobox", name="Over")).to_have_value("epoch")
    await expect(page.get_by_role("combobox", name="Show")).to_have_value("validation_loss")
    await expect(page.get_by_label("Smoothing")).to_have_value("0")
    await expect(page.get_by_label("log y")).to_be_checked()
    await expect(page.locator("thead .baseline").first).to_contain_text("First")
    await page.get_by_role("button", name="Table").click()
    await expect(page.locator("[data-table] th").nth(2)).to_have_text(re.compile("First|Second"))
    assert await serious_problems(page) == []
    async with page.expect_download() as started:
        await page.get_by_role("link", name="Export PDF").click()
    sheets = PdfReader(await (await started.value).path()).pages
    assert "over epoch" in " ".join(sheet.extract_text() for sheet in sheets)
    await page.get_by_role("link", name="Save it as a template").click()
    await expect(page.get_by_label("Name")).to_have_value("Second")


async def test_one_is_chosen_taken_out_and_the_chart_is_zoomed(api, signed_in) -> None:
    jobs = [await api.running_job(name=f"{HOSTILE} {number}") for number in range(3)]
    page = await signed_in(f"/jobs/{jobs[0]['id']}")
    await page.get_by_role("link", name="Compare", exact=True).last.click()
    await expect(page.get_by_text("One job is chosen")).to_be_visible()
    assert await serious_problems(page) == []
    for number in (1, 2):
        await page.get_by_label(f"Choose {HOSTILE} {number}").check()
    await page.get_by_role("button", name="Compare").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Compare 3 jobs")
    await expect(page.locator("[data-note]")).to_contain_text("<img src=x")
    await expect(page.locator("#comparison")).to_have_attribute("hx-trigger", "every 10s")
    await api.client.patch(f"/jobs/{jobs[2]['id']}", json={"name": "Came by itself"})
    await expect(page.locator("#comparison thead").first).to_contain_text("Came by itself")
    box = await page.locator(".u-over").bounding_box()
    await page.mouse.move(box["x"] + 40, box["y"] + 40)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    await page.mouse.up()
    curves = page.locator("#curves")
    await expect(curves).not_to_have_attribute("data-range", "1,2")
    await page.get_by_role("button", name="Whole range").click()
    await expect(curves).to_have_attribute("data-range", "1,2")
    await page.get_by_role("button", name="Colours").click()
    await expect(page.locator(".u-over")).to_be_visible()
    await page.get_by_role("link", name=f"Take out {HOSTILE} 1").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Compare 2 jobs")
    assert jobs[1]["id"] not in page.url
    await page.get_by_role("link", name="Choose other jobs").click()
    await expect(page.get_by_label("Choose Came by itself")).to_be_checked()
    assert "Compare" in await page.title()
