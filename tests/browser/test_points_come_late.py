"""A step is heard of by one way and its points come by another: the curve waits for them, and not for ever."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, Route, expect

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


class Store:
    """Stands for the service of metrics: it has the points of `steps`, or is away."""

    def __init__(self, *steps: int) -> None:
        self.steps, self.away = list(steps), False

    async def answer(self, route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        first = int(asked.get("from_step", ["0"])[0])
        found = curve(*(step for step in sorted(self.steps) if step >= first))
        await route.fulfill(json={"detail": "away"} if self.away else found, status=503 if self.away else 200)


async def opened(signed_in: Any, job: dict[str, Any], store: Any, last_step: int) -> Page:
    page: Page = await signed_in("/jobs")
    await page.route("**/series*", store.answer)
    await page.goto(page.url.replace("/jobs", f"/jobs/{job['id']}"))
    await expect(page.locator("html")).to_have_attribute("data-live", "yes")
    await expect(page.locator("[data-chart=loss]")).to_have_attribute("data-last-step", str(last_step))
    return page


async def progressed(api: Any, job: dict[str, Any], store: LateStore) -> None:
    store.told = True
    await told(api, job, 9)


async def told(api: Any, job: dict[str, Any], step: int) -> None:
    await api.tell(events.TrainingProgressed(**api.about(job), step=step, total_steps=2_000, epoch=0.5, loss=1.25))


async def test_points_that_come_after_their_step_are_drawn_without_another_word(api, signed_in) -> None:
    job, store = await api.running_job(), LateStore(late=2)
    page = await opened(signed_in, job, store, last_step=2)
    await progressed(api, job, store)
    await expect(page.locator("[data-chart=loss]")).to_have_attribute("data-last-step", "9")
    assert store.asked == 3


async def test_a_point_that_comes_behind_later_ones_is_drawn_with_the_next_step(api, signed_in) -> None:
    """As one does that the broker delivers again."""
    job, store = await api.running_job(), Store(1, 2, 9)
    page = await opened(signed_in, job, store, last_step=9)
    store.steps += [5, 10]
    await told(api, job, 10)
    await expect(page.locator("[data-chart=loss] [data-note]")).to_contain_text("showing 5 of 5 points")


async def test_after_a_service_was_away_the_whole_curve_is_read_again(api, signed_in) -> None:
    job, store = await api.running_job(), Store(1, 2, 900)
    page = await opened(signed_in, job, store, last_step=900)
    store.away = True
    await told(api, job, 901)
    note = page.locator("[data-chart=loss] [data-note]")
    await expect(note).to_contain_text("not up to date")
    store.steps, store.away = [1, 2, 3, 900, 901], False  # step 3 is older than what is read again each time
    await expect(note).to_contain_text("showing 5 of 5 points")


async def test_curves_of_a_closed_part_are_read_when_it_is_opened(api, signed_in) -> None:
    job, store = await api.running_job(), LateStore(late=0)
    store.told = True
    page = await opened(signed_in, job, store, last_step=9)
    shown = store.asked
    assert shown <= 2  # at the beginning, and when the stream opens
    await page.get_by_text("More charts").click()
    await expect(page.locator("[data-chart=throughput]")).to_have_attribute("data-last-step", "9")
    assert store.asked > shown


async def test_points_that_never_come_are_not_asked_for_for_ever(api, signed_in) -> None:
    job, store = await api.running_job(), LateStore(late=1_000)
    await opened(signed_in, job, store, last_step=2)
    await progressed(api, job, store)
    before = -1
    while store.asked == 0 or store.asked != before:  # until nothing is asked for a while
        before = store.asked
        await asyncio.sleep(2)
    assert 2 <= store.asked <= 6
