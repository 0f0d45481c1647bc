"""The page of a job in a real browser: notes, charts, log, and a copy of it; the filters of the list."""

import re

import pytest
from playwright.async_api import expect

from contracts import events
from tests.browser.conftest import PATIENCE_MS
from tests.browser.drawn import LISTEN, labels
from tests.services.dashboard.test_job_parts import checkpoint

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)


async def test_notes_that_meet_are_put_together_and_an_earlier_text_comes_back(api, signed_in) -> None:
    job = await api.new_job(notes="*first*")
    page = await signed_in(f"/jobs/{job['id']}")
    notes = page.get_by_role("region", name="Notes")
    await notes.get_by_text("Edit", exact=True).click()
    await notes.get_by_label("Notes (Markdown)").fill("mine")
    await api.client.patch(f"/jobs/{job['id']}", json={"notes": "theirs"})
    await notes.locator("form").first.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("region", name="What is saved now")).to_contain_text("theirs")
    await expect(page.get_by_label("Your text")).to_have_value("mine")
    await page.get_by_label("Your text").fill("theirs and mine")
    await page.get_by_role("button", name="Save it in place of both").click()
    await expect(notes).to_contain_text("theirs and mine")
    await notes.get_by_role("link", name="History (3)").click()
    await page.get_by_role("button", name="Restore text 1").click()
    await expect(page.get_by_text("The earlier text is back.")).to_be_visible()
    await expect(notes.locator("em")).to_have_text("first")
    assert (await api.job(job["id"]))["notes_revision"] == 4


async def test_every_tool_of_a_chart_does_something(api, signed_in) -> None:
    job = await api.running_job()
    page = await signed_in(f"/jobs/{job['id']}")
    chart = page.locator("[data-chart=loss]")
    note = chart.locator("[data-note]")
    await expect(note).to_contain_text("showing 2 of 2 points")
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    await api.tell(checkpoint(api, job, 2))
    await expect(note).to_contain_text("1 checkpoint (▲), the last at step 2.")
    legend = chart.locator(".u-legend")
    await expect(legend).to_contain_text("Training (raw)")
    await chart.get_by_label("Smoothing").fill("0")
    await expect(legend).not_to_contain_text("(raw)")
    await chart.get_by_label("Over").select_option("time")
    await expect(legend).to_contain_text("Time")
    await chart.get_by_label("log y").check()
    await chart.get_by_label("log x").check()
    assert re.search(r"#.*loss.axis=time.*loss.log-y=1.*loss.log-x=1", page.url)
    await chart.get_by_label("Over").select_option("step")
    await chart.locator(".u-over").press("+")
    await expect(chart.get_by_label("Follow")).not_to_be_checked()
    await chart.get_by_role("button", name="Whole range").click()
    await expect(chart.get_by_label("Follow")).to_be_checked()
    await chart.get_by_label("Follow").uncheck()
    await chart.get_by_label("Follow").check()
    await chart.get_by_role("button", name="Table").click()
    await expect(chart.locator("[data-table] th").nth(1)).to_have_text("Training (nats per token)")
    async with page.expect_download() as saved:
        await chart.get_by_role("button", name="PNG").click()
    assert (await saved.value).suggested_filename == "loss.png"
    await page.reload()
    await expect(chart.get_by_label("log y")).to_be_checked()
    await expect(note).to_contain_text("1 checkpoint (▲)")


async def test_small_numbers_are_told_apart_and_steps_are_whole(api, signed_in, context) -> None:
    await context.add_init_script(LISTEN)
    job = await api.running_job()
    page = await signed_in(f"/jobs/{job['id']}")
    await page.get_by_text("More charts").click()
    rate = page.locator("[data-chart=learning_rate]")
    found = await labels(rate)
    assert len([text for text in found if text.endswith("E-4")]) > 1, found
    losses = await labels(page.locator("[data-chart=loss]"))
    assert "1.5" not in losses
    box = await rate.locator(".u-over").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    await expect(rate.locator(".u-legend")).to_contain_text("2E-4")


async def test_a_filtered_log_stays_filtered_while_it_grows_and_nothing_stands_twice(api, signed_in) -> None:
    job = await api.running_job()
    page = await signed_in(f"/jobs/{job['id']}")
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    log = page.get_by_role("region", name="Events")
    warning = events.TrainingWarning(**api.about(job), code="x", message="the first of them")
    await api.tell(warning)
    await expect(log.locator("#live-entries")).to_contain_text("the first of them")
    await log.get_by_label("Level").select_option("warning")
    await expect(log.get_by_text("created with the preset")).to_have_count(0)
    await expect(log.locator(".entry", has_text="the first of them")).to_have_count(1)
    await api.tell(events.TrainingWarning(**api.about(job), code="x", message="the second of them"))
    await expect(log.locator("#entries .entry", has_text="the second of them")).to_be_visible()
    await log.get_by_label("About").select_option("Machine")
    await expect(log.get_by_text("No event is like that")).to_be_visible()
    await log.get_by_label("About").select_option("Everything")
    await log.get_by_label("Level").select_option("All")
    await expect(log.locator(".entry", has_text="created with the preset")).to_be_visible()
    ids = await log.locator(".entry").evaluate_all("rows => rows.map(row => row.id)")
    assert len(ids) == len(set(ids))
    entry = log.locator(".entry", has_text="the second of them")
    await entry.locator("summary").click()
    await expect(entry.locator("pre")).to_contain_text('"code": "x"')


async def test_a_copy_shows_what_it_changes(api, signed_in) -> None:
    job = await api.new_job(name="Original", client="Acme")
    page = await signed_in(f"/jobs/{job['id']}")
    await page.get_by_role("link", name="Copy and change").click()
    await expect(page.get_by_label("Name")).to_have_value("Original (copy)")
    await expect(page.get_by_label("Client", exact=True)).to_have_value("Acme")
    await page.get_by_label("Aggressive").check()
    await page.get_by_role("button", name="Review it").click()
    await expect(page.get_by_role("region", name="Changed from Original")).to_contain_text("aggressive")


async def test_the_list_is_filtered_by_names_and_exports_what_it_shows(api, signed_in) -> None:
    job = await api.new_job(name="Mine", client="Acme", tags=["calm"])
    await api.new_job(name="Other")
    page = await signed_in("/jobs")
    await page.get_by_text("More filters").click()
    await page.get_by_label("Creator").select_option(label=job["created_by_name"])
    await page.get_by_label("Client", exact=True).fill("Acme")
    await page.get_by_label("Client", exact=True).press("Tab")
    await expect(page.get_by_role("link", name="Other")).to_have_count(0)
    assert await page.locator("#client-list option").evaluate_all("them => them.map(one => one.value)") == ["Acme"]
    async with page.expect_download() as saved:
        await page.get_by_role("link", name="Export CSV").click()
    text = (await (await saved.value).path()).read_text()
    assert "Mine" in text
    assert "Other" not in text
