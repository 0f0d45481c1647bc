"""From a metric's way to the broker to its point on the screen; and what an open page costs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from playwright.async_api import Browser, Page

from benchmarks.capacity.processes import processor_s
from benchmarks.job_api import percentile
from benchmarks.web_page.installation import Installation
from benchmarks.web_page.trainer import Trainer
from benchmarks.web_page.window import full_ms, visitor

_PROGRAMS = ("dashboard", "job_api")
# Notes when a frame with a newer step was painted: [step, Unix milliseconds].
_WATCH = """() => {
  window.drawn = [];
  const chart = document.querySelector("[data-chart=loss]");
  new MutationObserver(() => {
    const step = Number(chart.dataset.lastStep);
    requestAnimationFrame(() => setTimeout(() => window.drawn.push([step, Date.now()])));
  }).observe(chart, { attributes: true, attributeFilter: ["data-last-step"] });
}"""


@dataclass(frozen=True)
class Lateness:
    """Seconds; `messages` were told of, `drawn` seen."""

    messages: int
    drawn: int
    p50: float
    p95: float
    longest: float


async def lateness(installation: Installation, found: Browser, job_id: str, workspace_id: UUID,
                   seconds: float) -> Lateness:
    async with installation.broker() as client, visitor(found, installation.page, installation.key) as page:
        trainer = Trainer(client, UUID(job_id), workspace_id)
        await trainer.run(3)  # a curve to begin with
        await _open(page, f"{installation.page}/jobs/{job_id}")
        before = set(trainer.told)
        await trainer.run(seconds)
        await asyncio.sleep(5)
        return compared({step: at for step, at in trainer.told.items() if step not in before},
                         await page.evaluate("window.drawn"))


async def _open(page: Page, address: str) -> None:
    await full_ms(page, address)
    await page.wait_for_function("document.documentElement.dataset.live === 'yes'")
    await page.wait_for_function("Number(document.querySelector('[data-chart=loss]').dataset.lastStep) > 0")
    await page.evaluate(_WATCH)


def compared(told: dict[int, float], drawn: list[list[float]]) -> Lateness:
    """A message is drawn with the first frame that shows its newest step or a later one."""
    late = []
    for step, at in told.items():
        seen = [moment / 1000 for newest, moment in drawn if newest >= step]
        if seen:
            late.append(min(seen) - at)
    if not late:
        raise RuntimeError("nothing of what was told of was drawn")
    return Lateness(len(told), len(late), percentile(late, 50), percentile(late, 95), max(late))


async def cost_of_watching(
    installation: Installation, found: Browser, job_id: str, workspace_id: UUID, first_step: int, seconds: float,
) -> dict[str, float]:
    """Program -> percent of a core that one open page of a training job takes, against the same time without."""
    async with installation.broker() as client, visitor(found, installation.page, installation.key) as page:
        trainer = Trainer(client, UUID(job_id), workspace_id, step=first_step)
        await page.goto(f"{installation.page}/templates")  # a page without a stream
        without = await _spent(installation, trainer, seconds)
        await _open(page, f"{installation.page}/jobs/{job_id}")
        watched = await _spent(installation, trainer, seconds)
    return {name: 100 * (watched[name] - without[name]) / seconds for name in watched}


async def _spent(installation: Installation, trainer: Trainer, seconds: float) -> dict[str, float]:
    programs = await asyncio.to_thread(installation.programs)
    pids = {name: int(programs[name]["pid"]) for name in (*_PROGRAMS, "metrics_ingest")}
    await trainer.run(3)
    before = {name: processor_s(pid) for name, pid in pids.items()}
    await trainer.run(seconds)
    return {name: processor_s(pid) - before[name] for name, pid in pids.items()}
