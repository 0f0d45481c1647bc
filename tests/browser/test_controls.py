"""What is known of the controls that tests use, on a page of a few."""

from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser

from tests.browser import controls
from tests.fixtures.waiting import tries

pytestmark = pytest.mark.slow
PAGE = """<header class="navbar"><button id="theme">Colours</button></header>
<form action="/jobs/{id}/cancel" method="post"><input type="hidden" name="token"><input name="reason">
  <textarea name="kept" hidden></textarea><select name="tier"><option>a</option><option>b</option></select>
  <label><input type="checkbox" name="sure"> Sure</label><button>Cancel</button>
  <button type="button" data-closes>Back</button></form>
<section aria-labelledby="more"><h2 id="more">More</h2><details><summary>Open</summary>text</details></section>"""


async def becomes(folder: Path, wanted: list[str]) -> None:
    """A page tells a moment later. Raises AssertionError."""
    async for _ in tries():
        if controls.never_used(folder) == wanted:
            return
    assert controls.never_used(folder) == wanted


async def test_a_control_is_known_by_its_form_and_used_by_what_one_does_to_it(chrome, tmp_path: Path, capsys) -> None:
    context = await Browser.new_context(chrome)  # one that nobody listens to yet
    await controls.listen(context, tmp_path / "1.txt")
    await context.route("**/*", lambda route: route.fulfill(
        body=PAGE.format(id=uuid4()) if route.request.resource_type == "document" else "", content_type="text/html"))
    page = await context.new_page()
    await page.goto("http://page.test/jobs/7")
    form = "form /jobs/*/cancel"
    everything = ["every page: button theme", f"{form}: button", f"{form}: button closes", f"{form}: checkbox sure",
                  f"{form}: select-one tier", f"{form}: text reason", "page /jobs/*: fold more"]
    await becomes(tmp_path, everything)
    await page.locator("[name=reason]").click()  # which changes nothing
    assert controls.never_used(tmp_path) == everything
    await page.locator("[name=reason]").fill("x")
    await page.get_by_label("Sure").check()
    await page.locator("[name=tier]").select_option("b")
    await page.get_by_text("Open").click()
    await page.locator("section").evaluate(
        "part => part.insertAdjacentHTML('beforeend', '<button id=late-12>Late</button>')")
    left = ["every page: button theme", f"{form}: button", f"{form}: button closes", "page /jobs/*: button late-*"]
    await becomes(tmp_path, left)
    assert controls.main(tmp_path) == 1
    assert "late-*" in capsys.readouterr().out
    for name in ("Colours", "Back", "Late", "Cancel"):
        await page.get_by_role("button", name=name).click()
    await becomes(tmp_path, [])
    assert controls.main(tmp_path) == 0
    await context.close()


def test_without_a_browser_nothing_is_claimed(tmp_path: Path, capsys) -> None:
    assert controls.main(tmp_path) == 0
    assert "No test has opened a browser." in capsys.readouterr().out
