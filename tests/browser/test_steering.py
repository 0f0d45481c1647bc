"""What a person does to jobs by their buttons, on the running stack with one place for jobs; and where links lead."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser import running as helpers
from tests.browser.conftest import PATIENCE_MS
from tests.browser.links import broken, links
from tests.browser.pages import PAGES
from tests.browser.running import LONG_MS, Running, listen, running_stack
from tests.system.stack_under_test import SAMPLE

expect.set_options(timeout=PATIENCE_MS)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("browser_stack")]
LONG = {"num_epochs": 50}


@pytest_asyncio.fixture(scope="module")
async def running() -> AsyncIterator[Running]:
    async with running_stack(BRIGHTRUN_MAX_ACTIVE_JOBS_PER_USER="1") as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def file_id(running: Running) -> str:
    return (await running.ask(lambda client: client.upload(SAMPLE))).id


async def started(running: Running, file_id: str, name: str, **choice: object) -> str:
    job = await running.ask(lambda client: client.create_job(file_id, name=name, **({"preset": "balanced"} | choice)))
    await running.ask(lambda client: client.start(job.id))
    return job.id


@pytest_asyncio.fixture(scope="module")
async def done(running: Running, file_id: str) -> str:
    """A short job with everything that a completed one has."""
    job_id = await started(running, file_id, "Done", preset="conservative", hyperparameters={"num_epochs": 1},
                           client="Acme", tags=["calm"], notes="some")
    await running.until(job_id, lambda found: found.status == "completed" and bool(found.validation))
    return job_id


async def opened(chrome: Browser, running: Running, path: str) -> Page:
    return await helpers.signed_in(chrome, running.url, running.key, path)


async def act(page: Page, action: str, **fields: str) -> None:
    """Opens the action's dialog, thinks better of it, opens it again and sends it."""
    button = page.locator("#job-actions .actions").get_by_role("button", name=action)
    dialog = page.get_by_role("dialog", name=action)
    await button.click()
    await dialog.get_by_role("button", name="Back").click()
    await expect(dialog).to_be_hidden()
    await button.click()
    for label, value in fields.items():
        field = dialog.get_by_label(label)
        await (field.select_option(value) if label == "Tier" else field.fill(value))
    await dialog.get_by_role("button", name=action).click()


async def test_a_job_is_paused_resumed_moved_cancelled_and_gone_on_with(chrome, running, file_id) -> None:
    job_id = await started(running, file_id, "Steered", hyperparameters=LONG)
    page = await opened(chrome, running, f"/jobs/{job_id}")
    status = page.locator("#job-header .status")
    await running.until(job_id, lambda found: (found.current_step or 0) >= 4)

    await act(page, "Pause", Reason="lunch")
    await expect(page.get_by_text("The job is being paused.")).to_be_visible()
    await expect(status).to_have_text("Paused", timeout=LONG_MS)
    await running.until(job_id, lambda found: "resume" in found.allowed_actions)
    await expect(page.get_by_role("button", name="Resume")).to_be_visible()

    await act(page, "Resume", Tier="spot")
    await expect(page.get_by_text("The job goes on.")).to_be_visible()
    await expect(status).to_have_text("Training", timeout=LONG_MS)

    await act(page, "Switch tier", Tier="on_demand", Reason="it must be ready tomorrow")
    await expect(page.get_by_text("The job moves to the other tier.")).to_be_visible()
    moved = await running.until(job_id, lambda found: found.attempt == 3 and found.status == "training")
    assert moved.gpu_pricing_tier == "on_demand"
    await expect(page.locator("#job-header")).to_contain_text("On demand", timeout=LONG_MS)

    await act(page, "Cancel", Reason="seen enough")
    await expect(page.get_by_text("The job was cancelled.")).to_be_visible()
    await expect(status).to_have_text("Cancelled")
    await running.until(job_id, lambda found: "continue" in found.allowed_actions)
    await page.reload()
    await page.get_by_role("button", name="Go on from the checkpoint").click()
    await expect(page.get_by_text("A new job goes on from the checkpoint.")).to_be_visible()
    await expect(status).to_have_text("Training", timeout=LONG_MS)
    assert job_id not in page.url
    await act(page, "Cancel", Reason="seen enough")
    await expect(status).to_have_text("Cancelled")
    await page.context.close()


async def test_who_waits_is_put_in_front_and_starts_by_itself(chrome, running, file_id) -> None:
    runs = await started(running, file_id, "Runs", hyperparameters=LONG)
    short = {"num_epochs": 1}
    waits = [await started(running, file_id, name, hyperparameters=short) for name in ("Waits", "Waits longer")]
    page = await opened(chrome, running, f"/jobs/{waits[1]}")
    await page.get_by_role("button", name="Put in front").click()
    await expect(page.get_by_text("The job is next in line.")).to_be_visible()
    await page.get_by_role("link", name="Queue").click()
    await expect(page.get_by_role("table").get_by_role("link")).to_have_text(["Waits longer", "Waits"])
    await page.get_by_role("link", name="Waits longer").click()
    await listen(page)
    await running.ask(lambda client: client.cancel(runs, "make room"))
    await expect(page.locator("#job-header .status")).to_have_text("Completed", timeout=LONG_MS)
    await running.until(waits[0], lambda found: found.status == "completed")
    await page.context.close()


async def test_the_output_of_a_trainer_is_filtered(chrome, running, done) -> None:
    page = await opened(chrome, running, f"/jobs/{done}")
    output = page.get_by_role("region", name="Output of the trainer")
    lines = output.locator(".line")
    await expect(lines.first).to_be_visible()
    newest = (await lines.last.text_content() or "").strip()
    await output.get_by_label("Level").select_option("Error")
    await expect(output.get_by_text("No lines")).to_be_visible()
    await output.get_by_label("Level").select_option("All")
    await expect(lines.last).to_have_text(newest)
    await output.get_by_label("Search").fill("nobody says this")
    await expect(output.get_by_text("No lines")).to_be_visible()
    await output.get_by_label("Search").fill(newest)
    await expect(lines).to_have_text([newest])
    await page.context.close()


async def test_every_link_leads_somewhere(chrome, running, file_id, done) -> None:
    other = await running.ask(lambda client: client.create_job(file_id))
    page = await opened(chrome, running, "/jobs")
    found = dict[str, str]()
    for path in PAGES.values():
        await page.goto(running.url + path.format(job=done, file=file_id, other=other.id))
        found |= await links(page)
    leads = [address for kind, address in found.items() if not kind.startswith("/nothing-here")]
    assert len(leads) > 45
    wrong = await broken(page, leads, running.url)
    assert wrong == [], "\n".join(wrong)
    await page.context.close()
