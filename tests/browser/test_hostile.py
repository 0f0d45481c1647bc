"""What people, files, trainers and machines write is text on every page, whatever it looks like."""

import json
import re

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import update

from contracts import events
from contracts.error_taxonomy import TrainingErrorType
from contracts.rpc import logs
from services.job_api.accounts.tables import users, workspaces
from tests.browser.conftest import PATIENCE_MS
from tests.browser.pages import NARROW, PAGES, WIDE
from tests.browser.widths import width_at_380
from tests.services.job_api.conftest import Api

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)

MARKUP = ('<img src=x onerror="window.owned=1"><script>window.owned=1</script>"><svg/onload=window.owned=1>'
          "'-window.owned-' {{ 7 * 7 }} ${7*7} [a](javascript:window.owned=1)")
# Turns what follows it round, until its paragraph or its isolation ends.
BIDI = "\u202egnp.exe\u2066"
LONG = "W" * 180
HOSTILE = f"{MARKUP} {BIDI} {LONG}"
OWNED = """() => window.owned !== undefined || document.title === "49"
  || document.querySelector("main img, main svg[onload], main script, a[href^='javascript:']") !== null"""
# Whether the letters of an element stand in their order.
IN_ORDER = """element => {
  const text = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode(), range = document.createRange();
  const left = (place) => {
    range.setStart(text, place);
    range.setEnd(text, place + 1);
    return range.getBoundingClientRect().left;
  };
  return left(0) < left(text.length - 1);
}"""

LOADING = re.compile("^Loading the curve")  # what they show is looked at, too
TOO_WIDE = """() => [...document.querySelectorAll("main *")].filter((each) => !each.children.length
  && each.getBoundingClientRect().right > innerWidth && !each.closest(".table-responsive")).slice(0, 4).map(
  (each) => `${each.parentElement.tagName}.${each.parentElement.className} > ${each.tagName}.${each.className}`)"""


async def hostile_job(api: Api, installation: Api) -> dict[str, str]:
    """A failed job and its file: each text that anybody may choose is hostile."""
    async with api.database.transaction() as tx:
        await tx.execute(update(workspaces).where(workspaces.c.id == api.workspace_id).values(name=HOSTILE[:200]))
        await tx.execute(update(users).values(display_name=HOSTILE[:200]))
    talk = [{"role": "system", "content": HOSTILE}, {"role": "user", "content": HOSTILE},
            {"role": "assistant", "content": HOSTILE}]
    records = "\n".join(json.dumps({"messages": talk, "id": f"{HOSTILE} {number}"}) for number in range(3))
    answer = await api.client.post("/files", files={"file": (f"{BIDI}<b>.jsonl", records.encode())},
                                   data={"name": HOSTILE[:200], "description": HOSTILE})
    assert answer.status_code == 201, answer.text
    file_id = answer.json()["id"]
    installation.output[:] = [logs.NumberedLine(line=number, level=level, time=1.0, text=f"{level} {HOSTILE}")
                              for number, level in enumerate(("info", "warning", "error"), 1)]
    job = await api.new_job(
        training_file_id=file_id, start=True, name=HOSTILE[:255], notes=f"# {HOSTILE}\n\n<b>{HOSTILE}</b>",
        description=HOSTILE, tags=[f"<b>{BIDI}{LONG[:20]}"], client=HOSTILE[:200], project=HOSTILE[:200])
    saved = await api.client.post(f"/jobs/{job['id']}/template", json={"name": HOSTILE[:120], "description": HOSTILE})
    assert saved.status_code == 201, saved.text
    key = await api.client.post("/api-keys", json={"name": HOSTILE[:100], "roles": ["analyst"]})
    assert key.status_code == 201, key.text
    await api.tell(events.TrainingWarning(**api.about(job), code=MARKUP[:20], message=HOSTILE))
    await api.tell(events.TrainingFailed(
        **api.about(job), error_type=TrainingErrorType.DATASET, error_code="dataset_format", message=HOSTILE,
        suggested_fix=HOSTILE, retryable=False, failed_at=job["created_at"],
        context={"where": HOSTILE, MARKUP: HOSTILE}))
    await api.until(job["id"], lambda found: found["status"] == "failed")
    other = await api.new_job(training_file_id=file_id, name=HOSTILE[:255])
    return {"job": str(job["id"]), "file": str(file_id), "other": str(other["id"])}


async def check(page: Page, name: str) -> list[str]:
    """What is wrong with the page that is open."""
    await expect(page.locator("[data-note]:visible", has_text=LOADING)).to_have_count(0, timeout=PATIENCE_MS)
    found = [f"{name}: markup came to life"] if await page.evaluate(OWNED) else []
    width = await width_at_380(page)
    if width > NARROW["width"]:
        found.append(f"{name}: {width} px wide at {NARROW['width']}: {await page.evaluate(TOO_WIDE)}")
    await page.set_viewport_size(WIDE)
    return found


async def test_hostile_content_is_text_on_every_page(api, installation, dashboard, signed_in) -> None:
    shown = await hostile_job(api, installation)
    page = await signed_in()
    found = []
    for name, path in PAGES.items():
        await page.goto(dashboard + path.format(**shown))
        found += await check(page, name)
    await page.goto(f"{dashboard}/new-job?from_job={shown['job']}")
    await page.get_by_role("button", name="Review it").click()
    await page.wait_for_url("**/new-job/review")
    found += await check(page, "review")
    assert found == [], "\n".join(found)


async def test_it_is_shown_and_turns_nothing_else_round(api, installation, dashboard, signed_in) -> None:
    shown = await hostile_job(api, installation)
    page = await signed_in(f"/jobs/{shown['job']}")
    for place in ("#job-header", "[aria-labelledby=notes-title]", "#entries", "#output", ".tag"):
        await expect(page.locator(place).first).to_contain_text("<b>" if place == ".tag" else "<img src=x")
    assert await page.locator("#job-header .status").evaluate(IN_ORDER)
    await page.goto(f"{dashboard}/files/{shown['file']}")
    await expect(page.locator("#preview pre mark.learnt").first).to_contain_text("<script>window.owned=1</script>")
    await page.goto(f"{dashboard}/jobs")
    await expect(page.locator("td.name").first).to_contain_text("<svg/onload")
    assert await page.locator("td .status").first.evaluate(IN_ORDER)
