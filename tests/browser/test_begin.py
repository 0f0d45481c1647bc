"""From a file to a started job, in a real browser: the first run, and the long form."""

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.axe import serious_problems
from tests.browser.conftest import PATIENCE_MS

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)
ESTIMATE = "**/new-job/estimate*"
HOSTILE = '<img src=x onerror="document.title=1">'


def conversations(path: Path, answer: str) -> Path:
    record = {"messages": [{"role": "user", "content": HOSTILE}, {"role": "assistant", "content": answer}]}
    path.write_text("\n".join(json.dumps(record) for _ in range(3)))
    return path


async def test_the_first_run_from_the_sample(api, signed_in) -> None:
    page = await signed_in("/first-run")
    await page.get_by_role("button", name="Take the sample").click()
    await expect(page.get_by_role("heading", name="3. A quick test run")).to_be_visible()
    assert await serious_problems(page) == []
    await page.get_by_role("button", name="Start it").click()
    await expect(page.get_by_text("The job was started.")).to_be_visible()
    [job] = (await api.client.get("/jobs")).json()["data"]
    assert page.url.endswith(f"/jobs/{job['id']}?notice=started")


async def test_a_file_is_uploaded_in_place_and_refused_in_place(signed_in, window, tmp_path) -> None:
    page = await signed_in("/files")
    unreadable = tmp_path / "no.json"
    unreadable.write_text("{not json")
    await page.get_by_label("File of conversations").set_input_files(unreadable)
    await page.get_by_role("button", name="Upload and check").click()
    await expect(page.locator("#upload-answer").get_by_role("alert")).to_be_visible()
    assert page.url.endswith("/files")
    assert window.complaints == ["Response Status Error Code 422 from /files, [object HTMLDivElement]"]
    window.complaints.clear()
    await page.get_by_label("File of conversations").set_input_files(conversations(tmp_path / "a.jsonl", HOSTILE))
    await page.get_by_role("button", name="Upload and check").click()
    await expect(page.get_by_text("The file was uploaded and checked.")).to_be_visible()
    await expect(page.locator("mark.learnt").nth(1)).to_contain_text("<img src=x")
    assert "a.jsonl" in await page.title()
    assert await serious_problems(page) == []


async def test_the_estimate_follows_and_one_click_starts(api, signed_in) -> None:
    file_id = await api.add_file(name="mine.json")
    page = await signed_in("/new-job")
    async with page.expect_response(ESTIMATE):
        await page.get_by_label("File", exact=True).select_option(file_id)
    await expect(page.locator("#estimate")).to_contain_text("Budget of")
    await page.get_by_text("Advanced values").click()
    async with page.expect_response(ESTIMATE):
        await page.get_by_label("Epochs").fill("7")
        await page.get_by_label("Epochs").press("Tab")
    async with page.expect_response(ESTIMATE) as answered:
        await page.get_by_label("Aggressive").check()
    assert "num_epochs=7" in (await answered.value).url
    await page.get_by_label("Name").fill("By hand")
    await page.get_by_role("button", name="Review it").click()
    await expect(page.get_by_role("heading", name="Review: By hand")).to_be_visible()
    assert await serious_problems(page) == []
    await page.get_by_role("button", name="Change something").click()
    await expect(page.get_by_label("Name")).to_have_value("By hand")
    await page.get_by_role("button", name="Review it").click()
    await page.get_by_role("button", name=re.compile("Start it")).click()
    await expect(page.get_by_text("The job was started.")).to_be_visible()
    [job] = (await api.client.get("/jobs")).json()["data"]
    job = await api.job(job["id"])
    assert (job["preset"], job["configuration"]["hyperparameters"]["num_epochs"]) == ("aggressive", 7)
    assert api.cost_guard.asked[-1].hyperparameters.num_epochs == 7


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
