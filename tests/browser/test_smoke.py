"""The shortest way through the page in a real browser; the long ways are in the slow tier."""

import pytest
from playwright.async_api import expect

from contracts import events
from tests.browser.axe import serious_problems
from tests.browser.conftest import PATIENCE_MS
from tests.browser.pages import NARROW, PAGES, THEMES, WIDE
from tests.browser.widths import width_at_380

expect.set_options(timeout=PATIENCE_MS)
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=1</script>'


async def test_from_the_sign_in_to_a_job_that_moves(api, signed_in, window) -> None:
    job = await api.new_job(name="Browser job", tags=["calm"])
    page = await signed_in()
    await page.get_by_role("link", name="Browser job").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Pending")
    await page.get_by_role("button", name="Start (").click()
    await expect(page.get_by_text("The job was started.")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    await api.tell(events.TrainingProgressed(**api.about(job), step=7, total_steps=20, epoch=0.5, loss=1.25))
    await expect(page.locator("#job-header")).to_contain_text("7 of 20")
    await api.tell(events.TrainingWarning(**api.about(job), code="x", message=HOSTILE))
    await expect(page.locator("#live-entries")).to_contain_text("<img src=x")
    assert await page.locator("#live-entries li").count() == len(await page.locator("#live-entries li").evaluate_all(
        "rows => [...new Set(rows.map(row => row.id))]"))
    await expect(page.locator("[data-chart=loss] [data-note]")).to_contain_text("showing 2 of 2 points")
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_role("dialog").get_by_label("Reason").fill("seen enough")
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Cancelled")
    assert await page.title() == "Browser job · Bright Run"


@pytest.mark.slow
async def test_every_page_in_both_themes_and_narrow(api, dashboard, signed_in) -> None:
    job = await api.running_job(name="A name that is long enough to be wrapped at the width of a telephone",
                                notes="# Notes\n\n*some*", tags=["one", "two"])
    other = await api.new_job(name="Other", preset="aggressive")
    page = await signed_in()
    found = []
    for name, path in PAGES.items():
        await page.set_viewport_size(WIDE)
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            await page.goto(dashboard + path.format(job=job["id"], file=job["training_file_id"], other=other["id"]))
            found += [f"{name} ({theme}): {problem}" for problem in await serious_problems(page)]
        width = await width_at_380(page)
        if width > NARROW["width"]:
            found.append(f"{name} is {width} px wide at {NARROW['width']}")
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("path", ["/jobs"])
async def test_filters_stand_in_the_address_and_the_row_changes_by_itself(api, signed_in, path) -> None:
    job = await api.new_job(name="First name", preset="aggressive")
    await api.new_job(name="Other")
    page = await signed_in(path)
    await page.get_by_label("Preset").select_option("aggressive")
    await expect(page.get_by_role("link", name="Other")).to_have_count(0)
    assert "preset=aggressive" in page.url
    await page.reload()
    await expect(page.get_by_label("Preset")).to_have_value("aggressive")
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    await api.client.patch(f"/jobs/{job['id']}", json={"name": "Second name"})
    await expect(page.get_by_role("link", name="Second name")).to_be_visible()
    await expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
    await page.get_by_label("Choose Second name").check()
    await expect(page.get_by_role("button", name="Cancel")).to_be_enabled()
