"""From a file to a started job, in a real browser: the first run, and templates."""

import pytest
from playwright.async_api import expect

from tests.browser.axe import serious_problems
from tests.browser.conftest import PATIENCE_MS

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)


async def test_the_first_run_from_the_sample(api, signed_in) -> None:
    page = await signed_in("/first-run")
    await page.get_by_role("button", name="Take the sample").click()
    await expect(page.get_by_role("heading", name="3. A quick test run")).to_be_visible()
    assert await serious_problems(page) == []
    await page.get_by_role("button", name="Start it").click()
    await expect(page.get_by_text("The job was started.")).to_be_visible()
    [job] = (await api.client.get("/jobs")).json()["data"]
    assert page.url.endswith(f"/jobs/{job['id']}?notice=started")


async def test_a_template_is_saved_shared_used_and_deleted(api, signed_in) -> None:
    job = await api.new_job(name="Origin")
    page = await signed_in(f"/jobs/{job['id']}")
    await page.get_by_role("link", name="Save as template").click()
    await page.get_by_label("Name").fill("Kept")
    await page.get_by_role("button", name="Save").click()
    card = page.get_by_role("region", name="Kept")
    await card.get_by_role("button", name="Share it").click()
    await expect(page.get_by_text("The template is shared with the workspace.")).to_be_visible()
    await card.get_by_role("link", name="Use it").click()
    await expect(page.get_by_text("Begins with the values of a template")).to_be_visible()
    await page.goto(page.url.split("/new-job")[0] + "/templates")
    page.on("dialog", lambda dialog: dialog.accept())
    await card.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("The template was deleted.")).to_be_visible()
    await expect(card).to_have_count(0)
