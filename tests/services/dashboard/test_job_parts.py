"""Curves, log, output and downloads of a job, each asked for by itself."""

import re
from datetime import UTC, datetime

from contracts import events
from tests.fixtures.waiting import tries


def checkpoint(api, job, step: int) -> events.CheckpointSaved:
    return events.CheckpointSaved(
        **api.about(job), step=step, bucket="b", prefix="p", manifest_key="k", manifest_sha256="0" * 64, files=(),
        size_bytes=1, saved_at=datetime.now(UTC))


async def test_a_curve_is_aligned_and_gaps_are_gaps(api, browser) -> None:
    job = await api.new_job()
    answer = await browser.get(f"/jobs/{job['id']}/series?metrics=loss,validation_loss,unknown")
    found = answer.json()
    assert found["x"] == [1, 2]
    assert found["columns"] == {"loss": [2.0, None], "validation_loss": [2.0, None]}
    assert found["points"]["loss"] == {"shown": 2, "total": 2, "flagged": [2]}
    assert (await browser.get(f"/jobs/{job['id']}/series?max_points=1")).status_code == 422


async def test_the_loss_has_marks_for_what_is_safe(api, browser) -> None:
    job = await api.running_job()
    for step in (20, 10):
        await api.tell(checkpoint(api, job, step))
    async for _ in tries():
        found = (await browser.get(f"/jobs/{job['id']}/series?marks=yes")).json()
        if found["checkpoints"] == [10, 20]:
            break
    assert found["checkpoints"] == [10, 20]
    assert (await browser.get(f"/jobs/{job['id']}/series")).json()["checkpoints"] == []


async def test_expected_times_stand_beside_the_stages(api, browser) -> None:
    job = await api.new_job()
    page = (await browser.get(f"/jobs/{job['id']}")).text
    assert "expected 20 s to the end of model loading" in page
    assert "expected 1 min 00 s<" in page


async def test_the_log_is_filtered_searched_and_exported(api, browser) -> None:
    job = await api.new_job(name="Logged")
    path = f"/jobs/{job['id']}"
    part = (await browser.get(f"{path}/events?type=job.created", headers={"hx-request": "true"})).text
    assert "created with the preset" in part
    assert "<html" not in part
    assert "No event is like that" in (await browser.get(f"{path}/events?q=xyzzy")).text
    csv = await browser.get(f"{path}/events.csv")
    assert csv.headers["content-disposition"].endswith('events.csv"')
    assert "job.created" in csv.text
    assert (await browser.get(f"{path}/events.json")).json()[0]["type"] == "job.created"


async def test_the_log_is_filtered_by_what_it_is_about(api, browser) -> None:
    job = await api.new_job(name="Logged")
    path = f"/jobs/{job['id']}"
    choices = {title: types for types, title in re.findall(
        r'<option value="([a-z_.,]+)">(Job|Machine)</option>', (await browser.get(path)).text)}
    assert "job.created" in choices["Job"].split(",")
    assert "created with the preset" in (await browser.get(f"{path}/events?type={choices['Job']}")).text
    assert "No event is like that" in (await browser.get(f"{path}/events?type={choices['Machine']}")).text


async def test_the_newest_values_are_a_part_with_their_units(api, browser) -> None:
    job = await api.new_job()
    part = (await browser.get(f"/jobs/{job['id']}/latest")).text
    assert "<html" not in part
    assert "(nats per token)" in part


async def test_fifty_entries_are_a_page(api, browser) -> None:
    job = await api.running_job()
    for number in range(60):
        await api.tell(events.TrainingWarning(**api.about(job), code="x", message=f"warning {number}"))
    async for _ in tries():
        if [row["type"] for row in await api.log(job["id"])].count("training.warning") == 60:
            break
    page = (await browser.get(f"/jobs/{job['id']}/events?level=warning")).text
    assert page.count('class="entry warning"') == 50
    following = page.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert "level=warning" in following
    assert (await browser.get(following)).text.count('class="entry warning"') == 10


async def test_output_that_is_not_there_is_said(api, browser) -> None:
    job = await api.new_job()
    assert "No lines" in (await browser.get(f"/jobs/{job['id']}/log?level=error&search=x")).text


async def test_a_download_before_the_end_is_refused_in_words(api, browser) -> None:
    job = await api.new_job()
    answer = await browser.get(f"/jobs/{job['id']}/download/adapters")
    assert answer.status_code == 409
    assert "Not possible now" in answer.text
    archive = await browser.get(f"/jobs/{job['id']}/error-log")
    assert archive.content[:2] == b"PK"
