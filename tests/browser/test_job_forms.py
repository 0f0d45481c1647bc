"""Forms about jobs in a real browser, each field: the list's filters and choice, a new job, its words, a template."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from contracts import events
from tests.browser.conftest import PATIENCE_MS

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)
ESTIMATE = "**/new-job/estimate*"


def agree(page: Page) -> None:
    page.on("dialog", lambda dialog: dialog.accept())


async def put(form: Page | Locator, values: dict[str, str]) -> None:
    """Into each field the text; what is given as a name in brackets is chosen."""
    for label, value in values.items():
        field = form.get_by_label(label, exact=True)
        if value.startswith("["):
            await field.select_option(label=value[1:-1])
        else:
            await field.fill(value)


async def test_every_filter_of_the_jobs_leaves_what_it_says(api, signed_in) -> None:
    await api.new_job(name="Wanted", preset="aggressive", gpu_pricing_tier="on_demand", tags=["calm"],
                      project="Spring", notes="the green one")
    await api.new_job(name="Other")
    page = await signed_in("/jobs")
    wanted, other = (page.get_by_role("link", name=name, exact=True) for name in ("Wanted", "Other"))
    await page.get_by_text("More filters").click()
    for label, right, wrong in (
            ("Status", "[Pending]", "[Completed]"), ("Preset", "[Aggressive]", "[Conservative]"),
            ("Tier", "[On demand]", "[Auto]"), ("Search", "green", "red"), ("Tag", "calm", "wild"),
            ("Project", "Spring", "Autumn"), ("Created from", "2020-01-01", "2099-01-01"),
            ("Created before", "2099-01-01", "2020-01-01"), ("Cost to (USD)", "100000", "0")):
        await put(page, {label: wrong})
        await page.get_by_role("button", name="Apply").click()
        if label != "Cost to (USD)":  # nothing has been spent yet: a job that costs nothing costs no more than that
            await expect(page.get_by_text("No job is like that")).to_be_visible()
        await put(page, {label: right})
        await page.get_by_role("button", name="Apply").click()
        await expect(wanted).to_be_visible()
    await expect(other).to_have_count(0)
    await put(page, {"Cost from (USD)": "1"})
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_text("No job is like that")).to_be_visible()
    for part in ("status=pending", "q=green", "project=Spring", "min_cost=1", "created_before=2099"):
        assert part in page.url, part
    await page.get_by_role("link", name="Reset", exact=True).click()
    await expect(other).to_be_visible()
    head = page.get_by_role("columnheader", name=re.compile("^Job"))
    await head.get_by_role("link").click()
    await expect(head).to_have_attribute("aria-sort", re.compile("."))


async def test_chosen_jobs_are_cancelled_and_deleted_after_a_question(api, signed_in) -> None:
    jobs = [await api.running_job(name="Runs"), await api.new_job(name="Never started")]
    page = await signed_in("/jobs")
    answers = [False, True, True]
    page.on("dialog", lambda dialog: dialog.accept() if answers.pop(0) else dialog.dismiss())
    await page.get_by_label("Choose Runs").check()
    for _ in range(2):  # the first time one thinks better of it
        await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("status").filter(has_text="1 done")).to_be_visible()
    assert (await api.job(jobs[0]["id"]))["status"] == "cancelled"
    await page.get_by_role("link", name="To the jobs").click()
    for name in ("Runs", "Never started"):
        await page.get_by_label(f"Choose {name}").check()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("status").filter(has_text="1 done, 1 refused")).to_be_visible()
    await page.get_by_role("link", name=jobs[0]["id"]).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Runs")
    assert answers == []


async def test_a_job_is_deleted_from_its_page(api, signed_in) -> None:
    job = await api.new_job(name="A mistake")
    page = await signed_in(f"/jobs/{job['id']}")
    dialog = page.get_by_role("dialog", name="Delete")
    for button in ("Back", "Delete"):
        await page.locator("[data-opens=do-delete]").click()
        await dialog.get_by_role("button", name=button).click()
    await expect(page.get_by_text("The job was deleted.")).to_be_visible()
    await expect(page.get_by_role("link", name="A mistake")).to_have_count(0)


async def test_the_words_of_a_job_are_changed(api, signed_in) -> None:
    job = await api.new_job(name="Before")
    page = await signed_in(f"/jobs/{job['id']}")
    await page.get_by_text("Name, description, tags").click()
    form = page.locator("form[action$='/describe']")
    await put(form, {"Name": "After", "Client": "Acme", "Project": "Spring", "Tags, with commas between": "one, two",
                     "Description": "of it"})
    await form.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("After")
    changed = await api.job(job["id"])
    assert [changed[name] for name in ("name", "client", "project", "tags", "description")] == [
        "After", "Acme", "Spring", ["one", "two"], "of it"]


async def test_the_configuration_unfolds_and_the_events_are_searched(api, signed_in) -> None:
    job = await api.running_job()
    page = await signed_in(f"/jobs/{job['id']}")
    await page.get_by_text("All values", exact=True).click()
    await expect(page.get_by_text("Learning rate", exact=True).last).to_be_visible()
    await page.get_by_text("Each conversation", exact=True).click()
    await expect(page.get_by_role("cell", name="c-1", exact=True)).to_be_visible()
    log = page.get_by_role("region", name="Events")
    await api.tell(events.TrainingWarning(**api.about(job), code="x", message="a needle"))
    await log.get_by_label("Search").fill("needle")
    await expect(log.locator(".entry")).to_have_count(1)


async def test_every_field_of_a_new_job_is_kept(api, signed_in) -> None:
    file_id = await api.add_file(name="mine.json")
    page = await signed_in(f"/new-job?training_file_id={file_id}")
    async with page.expect_response(ESTIMATE):
        await page.get_by_label("Tier").select_option("on_demand")
    await page.get_by_text("Advanced values").click()
    numbers = {"learning_rate": 0.0003, "lora_rank": 16, "lora_alpha": 32, "lora_dropout": 0.1, "num_epochs": 2,
               "per_device_train_batch_size": 2, "gradient_accumulation_steps": 4, "warmup_ratio": 0.05,
               "weight_decay": 0.02, "max_grad_norm": 0.5, "max_seq_length": 1024, "seed": 7,
               "validation_fraction": 0.2}
    for name, value in numbers.items():
        await page.locator(f"#{name}").fill(str(value))
    await page.locator("#lr_scheduler_type").select_option(index=1)
    scheduler = await page.locator("#lr_scheduler_type").input_value()
    modules = page.locator("[name=target_modules]")
    await modules.first.check()
    module = await modules.first.get_attribute("value")
    await put(page.get_by_role("region", name="What it is called"), {
        "Name": "Of my own", "Client": "Acme", "Project": "Spring", "Tags": "one, two", "Description": "of it",
        "Notes": "*some*"})
    await page.get_by_role("button", name="Review it").click()
    await expect(page.get_by_role("heading", name="Review: Of my own")).to_be_visible()
    await page.get_by_role("button", name=re.compile("Start it")).click()
    await expect(page.get_by_text("The job was started.")).to_be_visible()
    [row] = (await api.client.get("/jobs")).json()["data"]
    job = await api.job(row["id"])
    values = job["configuration"]["hyperparameters"]
    assert {name: values[name] for name in numbers} == numbers
    assert (values["lr_scheduler_type"], values["target_modules"]) == (scheduler, [module])
    assert [job[name] for name in ("client", "project", "tags", "description", "notes", "gpu_pricing_tier")] == [
        "Acme", "Spring", ["one", "two"], "of it", "*some*", "on_demand"]


async def test_a_dear_machine_is_confirmed(api, installation, signed_in, monkeypatch) -> None:
    monkeypatch.setattr(installation.cost_guard, "price", 240_000_000)
    monkeypatch.setattr(installation.cost_guard, "limit", 10**12)
    file_id = await api.add_file(name="mine.json")
    page = await signed_in(f"/new-job?training_file_id={file_id}")
    async with page.expect_response(ESTIMATE):
        await page.get_by_label("Tier").select_option("on_demand")
    await page.get_by_role("button", name="Review it").click()
    await page.get_by_role("button", name=re.compile("Start it")).click()
    assert await page.locator("[name=confirmed]").evaluate("box => box.validity.valueMissing")
    await page.locator("[name=confirmed]").check()
    await page.get_by_role("button", name=re.compile("Start it")).click()
    await expect(page.get_by_text("The job was started.")).to_be_visible()
    [job] = (await api.client.get("/jobs")).json()["data"]
    assert job["status"] != "pending"


async def test_a_template_has_all_that_was_ticked_and_is_found_again(api, signed_in) -> None:
    job = await api.new_job(name="Origin")
    page = await signed_in(f"/jobs/{job['id']}/template")
    await page.get_by_label("Name").fill("Quiet talk")
    await page.get_by_label("What it is for").fill("for calm people")
    await page.get_by_label("Everybody in the workspace may use it").check()
    await page.get_by_label(re.compile("It proposes the file")).check()
    await page.get_by_role("button", name="Save").click()
    card = page.get_by_role("region", name="Quiet talk")
    await expect(card).to_contain_text("Shared")
    await page.get_by_label("Search").fill("loud people")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_text("No template is like that")).to_be_visible()
    await page.get_by_label("Search").fill("calm people")
    await page.get_by_role("button", name="Apply").click()
    await card.get_by_role("button", name="Keep it to myself").click()
    await expect(page.get_by_text("The template is yours alone now.")).to_be_visible()
    await page.goto(page.url.split("/templates")[0] + "/templates?q=calm")
    await card.get_by_role("link", name="Use it").click()
    await expect(page.get_by_label("File", exact=True)).to_have_value(job["training_file_id"])


async def test_an_old_text_of_the_notes_is_read(api, signed_in) -> None:
    job = await api.new_job(notes="*first*")
    await api.client.patch(f"/jobs/{job['id']}", json={"notes": "second"})
    page = await signed_in(f"/jobs/{job['id']}/notes")
    first = page.get_by_role("region", name=re.compile("1$"))
    await first.get_by_text("As it was written").click()
    await expect(first.locator("pre")).to_have_text("*first*")
