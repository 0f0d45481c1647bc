"""A step is heard of by one way and its points come by another: the curve waits for them, and not for ever."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Route, expect

from contracts import events
from tests.browser.conftest import PATIENCE_MS

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)


def curve(*steps: int) -> dict[str, Any]:
    points = {"shown": len(steps), "total": len(steps), "flagged": []}
    return {"x": steps, "attempts": [1] * len(steps), "times": [1.7e9 + step for step in steps],
            "columns": {"loss": [1 / step for step in steps]}, "points": {"loss": points}, "boundaries": []}


class LateStore:
    """Stands for the service of metrics: it shows step 9 when it was asked `late` times after that step was told of."""

    def __init__(self, late: int) -> None:
        self.late, self.asked, self.told = late, 0, False

    async def answer(self, route: Route) -> None:
        self.asked += self.told
        await route.fulfill(json=curve(1, 2, 9) if self.asked > self.late else curve(1, 2))


async def progressed(api: Any, job: dict[str, Any], store: LateStore) -> None:
    store.told = True
    await api.tell(events.TrainingProgressed(**api.about(job), step=9, total_steps=20, epoch=0.5, loss=1.25))


async def test_points_that_come_after_their_step_are_drawn_without_another_word(api, signed_in) -> None:
    job, store = await api.running_job(), LateStore(late=2)
    page = await signed_in("/jobs")
    await page.route("**/series*", store.answer)
    await page.goto(page.url.replace("/jobs", f"/jobs/{job['id']}"))
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    await expect(page.locator("[data-chart=loss]")).to_have_attribute("data-last-step", "2")
    await progressed(api, job, store)
    await expect(page.locator("[data-chart=loss]")).to_have_attribute("data-last-step", "9")
    assert store.asked == 3


async def test_curves_of_a_closed_part_are_read_when_it_is_opened(api, signed_in) -> None:
    job, store = await api.running_job(), LateStore(late=0)
    page = await signed_in("/jobs")
    await page.route("**/series*", store.answer)
    store.told = True
    await page.goto(page.url.replace("/jobs", f"/jobs/{job['id']}"))
    await expect(page.locator("[data-chart=loss]")).to_have_attribute("data-last-step", "9")
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    shown = store.asked
    assert shown <= 2  # at the beginning, and when the stream opens
    await page.get_by_text("More charts").click()
    await expect(page.locator("[data-chart=throughput]")).to_have_attribute("data-last-step", "9")
    assert store.asked > shown


async def test_points_that_never_come_are_not_asked_for_for_ever(api, signed_in) -> None:
    job, store = await api.running_job(), LateStore(late=1_000)
    page = await signed_in("/jobs")
    await page.route("**/series*", store.answer)
    await page.goto(page.url.replace("/jobs", f"/jobs/{job['id']}"))
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    await expect(page.locator("[data-chart=loss]")).to_have_attribute("data-last-step", "2")
    await progressed(api, job, store)
    before = -1
    while store.asked == 0 or store.asked != before:  # until nothing is asked for a while
        before = store.asked
        await asyncio.sleep(2)
    assert 2 <= store.asked <= 6
