"""Training files in a real browser: both ways of uploading, the filters, the preview's form, accepting, deleting."""

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PATIENCE_MS

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)
EXAMPLES = Path(__file__).parents[2] / "examples"


def talks(path: Path, count: int = 3) -> Path:
    answer = {"role": "assistant", "content": "Well, and you? " * 60}
    records = [{"id": f"talk {number}", "messages": [{"role": "user", "content": f"Day {number}: how is it?"}, answer]}
               for number in range(count)]
    path.write_text("\n".join(map(json.dumps, records)))
    return path


async def test_a_file_is_uploaded_with_its_words_and_found_by_them(signed_in, tmp_path) -> None:
    page = await signed_in("/files")
    await page.get_by_label("File of conversations").set_input_files(talks(tmp_path / "a.jsonl"))
    await page.locator("#file-name").fill("Morning talks")
    await page.locator("#file-description").fill("said before noon")
    await page.get_by_role("button", name="Upload and check").click()
    await expect(page.get_by_text("The file was uploaded and checked.")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Morning talks")
    await expect(page.get_by_text("said before noon")).to_be_visible()
    await page.get_by_role("link", name="Files").first.click()
    search = page.get_by_role("search", name="Filter files")
    for words, check, count in (("Evening", "Any", 0), ("Morning", "Has errors", 0), ("Morning", "Passed", 1)):
        await search.get_by_label("Search").fill(words)
        await search.get_by_label("Check").select_option(check)
        await search.get_by_role("button", name="Apply").click()
        await expect(page.get_by_role("link", name="Morning talks")).to_have_count(count)


async def test_the_first_run_takes_a_file_of_ones_own(api, signed_in, tmp_path) -> None:
    page = await signed_in("/first-run")
    await page.get_by_label("File of conversations").set_input_files(talks(tmp_path / "own.jsonl", 12))
    await page.locator("#file-name").fill("My own")
    await page.locator("#file-description").fill("of the shop")
    await page.get_by_role("button", name="Upload and check").click()
    await expect(page.get_by_role("heading", name="3. A quick test run")).to_be_visible()
    await expect(page.get_by_role("region", name="2. Its check")).to_contain_text("My own")
    [file] = (await api.client.get("/files")).json()["data"]
    assert file["description"] == "of the shop"


async def test_what_is_found_is_unfolded_and_the_preview_cut_where_one_says(signed_in, tmp_path) -> None:
    page = await signed_in("/files")
    name = "brightrun-missing-target.json"
    await page.get_by_label("File of conversations").set_input_files(EXAMPLES / "broken" / name)
    await page.get_by_role("button", name="Upload and check").click()
    check = page.get_by_role("region", name="Check")
    finding = check.locator("details").last
    was_open = await finding.get_attribute("open") is not None
    await finding.locator("summary").click()
    assert (await finding.get_attribute("open") is not None) is not was_open

    await page.get_by_role("link", name="Files").first.click()
    await page.get_by_label("File of conversations").set_input_files(talks(tmp_path / "a.jsonl"))
    await page.get_by_role("button", name="Upload and check").click()
    preview = page.get_by_role("region", name="As it is trained")
    await preview.get_by_label("Longest, tokens").fill("128")
    await preview.get_by_label("Conversations", exact=True).fill("2")
    await preview.get_by_role("button", name="Show").click()
    await expect(preview.locator("details")).to_have_count(2)
    await expect(preview.locator(".cut").nth(1)).to_be_visible()
    await preview.locator("summary").first.click()
    await expect(preview.locator("pre").first).to_be_hidden()


async def test_what_is_rare_is_unfolded(signed_in) -> None:
    page = await signed_in("/files")
    await page.get_by_label("File of conversations").set_input_files(EXAMPLES / "sample.json")
    await page.get_by_role("button", name="Upload and check").click()
    await expect(page.get_by_text("The file was uploaded and checked.")).to_be_visible()
    rare = page.locator("details:has(.shares)").first
    await expect(rare.locator(".shares")).to_be_hidden()
    await rare.locator("summary").click()
    await expect(rare.locator(".shares dt").first).to_be_visible()


async def test_warnings_are_accepted_and_a_file_is_deleted_after_a_question(api, signed_in) -> None:
    file_id = await api.add_file(name="doubtful.json", warning_count=2)
    page = await signed_in(f"/files/{file_id}")
    await page.get_by_role("button", name="Accept the warnings").click()
    await expect(page.get_by_text("The warnings are accepted.")).to_be_visible()
    await expect(page.get_by_text(re.compile("The warnings were accepted .* by"))).to_be_visible()
    answers = [False, True]
    page.on("dialog", lambda dialog: dialog.accept() if answers.pop(0) else dialog.dismiss())
    for _ in range(2):
        await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("The file was deleted.")).to_be_visible()
    assert (await api.client.get(f"/files/{file_id}")).status_code == 404
