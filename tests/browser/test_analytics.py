"""History and analytics in a real browser: curves with their tables, points that lead to jobs, filters, files."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import Locator, expect

from tests.browser.axe import serious_problems
from tests.browser.conftest import PATIENCE_MS
from tests.browser.drawn import LISTEN, labels
from tests.browser.pages import NARROW, THEMES
from tests.browser.widths import width_at_380
from tests.services.job_api.analytics.test_analytics import MONDAY, PROVEN, ended

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)
HOSTILE = '<img src=x onerror="document.title=1">'
NUMBER = r"[-\N{MINUS SIGN}]?[\d,]*\.?\d+"
PRESETS = ("conservative", "balanced", "aggressive")


async def history(api) -> list[str]:
    """Jobs of three presets over eight weeks; the last one is the dearest and the best, and has a hostile name."""
    jobs = [{"preset": PRESETS[n % 3], "completed_at": MONDAY + timedelta(days=2 * n), "client": ("Acme", "")[n % 2],
             "actual_cost_micro_usd": 1_000_000 + 100_000 * n, "duration_s": 600 + 60 * (n % 7),
             "status": "failed" if n % 5 == 4 else "completed", "error_type": "unknown" if n % 5 == 4 else None,
             "name": f"Job {n}",
             "validation": None if n % 5 == 4 else PROVEN | {"perplexity_improvement_pct": 5 + n % 9}}
            for n in range(28)]
    best = {"name": HOSTILE, "preset": "balanced", "actual_cost_micro_usd": 9_000_000,
            "validation": PROVEN | {"perplexity_improvement_pct": 30.0}}
    return await ended(api, *jobs, best)


async def lead_to(section: Locator, x: float, y: float) -> None:
    """A click on this point of the chart: its place in the plot as parts of width and height."""
    box = await section.locator(".u-over").bounding_box()
    assert box is not None
    await section.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    await expect(section.locator("[data-note]")).to_contain_text("<img src=x")
    await section.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


async def test_curves_points_and_tables(api, signed_in) -> None:
    *_, best = await history(api)
    page = await signed_in("/analytics")
    success = page.locator("[data-trend=success]")
    await expect(success).to_have_attribute("data-drawn", "8")
    assert await success.locator("details tbody tr").count() == 8
    await success.get_by_text("Table", exact=True).click()
    await expect(success.get_by_role("columnheader", name="Balanced")).to_be_visible()
    for part in ("[data-trend=cost]", "[data-trend=duration]", "[data-trend=improvement]", "[data-points]"):
        await page.locator(f"section:has({part}), {part}").last.get_by_text("Table", exact=True).click()
        await expect(page.locator(f"section:has({part}), {part}").last.get_by_role("table")).to_be_visible()
    points = page.locator("[data-points]")
    await expect(points).to_have_attribute("data-drawn", "24")
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        assert await serious_problems(page) == []
    assert await width_at_380(page) <= NARROW["width"]
    await page.set_viewport_size({"width": 1280, "height": 900})
    await points.scroll_into_view_if_needed()
    # Eight parts of a hundred are room on both sides of what there is, and the best point is at the corner of it.
    await lead_to(points, 1.08 / 1.16, 0.08 / 1.16)
    await page.wait_for_url(f"**/jobs/{best}")


async def test_filters_stand_in_the_address_and_each_table_is_a_file(api, signed_in) -> None:
    await history(api)
    page = await signed_in("/analytics")
    await page.get_by_label("Preset", exact=True).select_option("aggressive")
    await page.get_by_label("Client", exact=True).fill("Acme")
    await page.get_by_label("Ended from").fill("2026-11-09")
    await page.get_by_label("Ended until").fill("2099-01-01")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_label("Totals")).to_contain_text("Jobs that ended4")
    assert "preset=aggressive" in page.url
    await page.reload()
    await expect(page.get_by_label("Client", exact=True)).to_have_value("Acme")
    for name, file in (("Success rate by week as CSV", "weeks.csv"), ("By client as CSV", "clients.csv"),
                       ("Frequent errors and what fixed them as CSV", "errors.csv"),
                       ("Export all jobs as CSV", "jobs.csv")):
        async with page.expect_download() as started:
            await page.get_by_role("link", name=name).click()
        assert (await started.value).suggested_filename == file
    await page.get_by_role("link", name="All time").click()
    await expect(page.get_by_label("Preset", exact=True)).to_have_value("aggressive")
    await expect(page.get_by_label("Ended from")).to_have_value("")
    await page.get_by_role("link", name="Reset", exact=True).click()
    await expect(page.get_by_label("Totals")).to_contain_text("Jobs that ended29")
    await page.get_by_label("Person", exact=True).select_option("A former member")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_label("Totals")).to_contain_text("Jobs that ended29")
    assert "creator=ada" in page.url
    await page.get_by_role("region", name="Figures by client").get_by_role("link", name="Acme", exact=True).click()
    await expect(page.get_by_label("Totals")).to_contain_text("Jobs that ended14")


async def is_drawn(chart: Locator, color: str) -> bool:
    """Whether the canvas has this colour of the style sheet."""
    return bool(await chart.locator("canvas").evaluate("""(canvas, name) => {
      const wanted = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      const [red, green, blue] = wanted.match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      for (let at = 0; at < data.length; at += 4) {
        if (data[at] === red && data[at + 1] === green && data[at + 2] === blue && data[at + 3] === 255) return true;
      }
      return false;
    }""", color))


def numbers(found: set[str]) -> list[float]:
    return [float(text.replace(",", "").replace("\N{MINUS SIGN}", "-")) for text in found if re.fullmatch(NUMBER, text)]


async def test_axes_show_what_can_be_and_one_job_is_seen(api, signed_in, context) -> None:
    await context.add_init_script(LISTEN)
    await ended(api, {"validation": PROVEN, "actual_cost_micro_usd": 20_000})
    page = await signed_in("/analytics")
    for name in ("success", "cost", "duration", "improvement"):
        chart = page.locator(f"[data-trend={name}]")
        found = await labels(chart)
        assert {text for text in found if text.startswith("Nov")} == {"Nov 2"}, "the week, and none that is to come"
        assert min(numbers(found)) >= 0, name
        assert await is_drawn(chart, "--curve-1"), name
    assert max(numbers(await labels(page.locator("[data-trend=success]")))) == 100
    quality = page.locator("[data-points]")
    assert min(numbers(await labels(quality))) >= 0
    assert await is_drawn(quality, "--curve-1")


async def test_weeks_of_two_years_are_named_with_their_year_where_there_is_room(api, signed_in, context) -> None:
    await context.add_init_script(LISTEN)
    await ended(api, *({"completed_at": MONDAY - timedelta(weeks=weeks)} for weeks in (0, 1, 2, 60)))
    page = await signed_in("/analytics")
    found = await labels(page.locator("[data-trend=success]"))
    assert {text for text in found if "20" in text} == {"Nov 2, 2026", "Sep 8, 2025"}


async def test_without_a_library_for_charts_the_tables_stand_open(api, signed_in, context) -> None:
    await history(api)
    await context.route("**/uplot.js", lambda route: route.abort())
    page = await signed_in("/analytics")
    await expect(page.locator("[data-trend=cost]").get_by_role("columnheader", name="Balanced")).to_be_visible()
