"""Jobs beside each other: figures with their baseline, what differs, the advice, refusals, jobs that still run."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from contracts.events import TrainingCompleted, ValidationUpdated
from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser
from tests.services.job_api.conftest import Api

HOSTILE = '<script>alert("x")</script> #panic("x") *b* $x$'


def path(*jobs: dict[str, Any], **more: str) -> str:
    query = "&".join([*(f"job={job['id']}" for job in jobs), *(f"{name}={value}" for name, value in more.items())])
    return f"/compare?{query}"


async def judged(api: Api, job: dict[str, Any], low: float, high: float) -> None:
    """Completed, with a proven improvement between `low` and `high`."""
    artifact = {"path": "adapter_model.safetensors", "key": "k", "size_bytes": 1, "sha256": "0"}
    await api.tell(TrainingCompleted(**api.about(job), bucket="b", artifacts=(artifact,), base_model="base",
                                     total_steps=30, epochs=2, training_seconds=1, completed_at=datetime.now(UTC)))
    await api.until(job["id"], lambda found: found["status"] == "completed")
    await api.tell(ValidationUpdated(
        job_id=job["id"], workspace_id=api.workspace_id, attempt=1, perplexity_baseline=20, perplexity_trained=19,
        perplexity_improvement_pct=(low + high) / 2, improvement_low_pct=low, improvement_high_pct=high,
        conversations=40, tokens=4_000, verdict="proven", method="cr2-t/1", updated_at=datetime.now(UTC)))
    await api.until(job["id"], lambda found: found["validation"] is not None)


async def two_proven(api: Api) -> list[dict[str, Any]]:
    """Of one file; the second is better."""
    file_id = await api.add_file()
    jobs = [await api.running_job(training_file_id=file_id, name=name, preset="conservative",
                                  hyperparameters={"learning_rate": rate})
            for name, rate in (("First", 0.0001), ("Second", 0.0002))]
    for job, interval in zip(jobs, ((2.0, 4.0), (7.0, 9.0)), strict=True):
        await judged(api, job, *interval)
    return jobs


def text(page: str) -> str:
    """What is read, without markup."""
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


def columns(page: str) -> list[str]:
    head = page.split('aria-labelledby="figures-title"')[1].split("</thead>")[0]
    return re.findall(r'<a href="/jobs/[^"]+">([^<]+)</a>', head)


async def test_figures_with_the_baseline_the_best_and_the_advice(api, browser) -> None:
    first, second = await two_proven(api)
    answer = await browser.get(path(first, second))
    assert answer.status_code == 200
    words = text(answer.text)
    for expected in ("Recommended: Second", "“Second” improved most", "Cost not final yet", "Baseline",
                     "Improvement over the base model 3.0 % 8.0 % Best +5.0 percentage points",
                     "Learning rate 0.0001 0.0002", "(nats per token)", "Save it as a template"):
        assert expected in words, expected
    assert f"by {first['created_by_name']}" in words
    assert columns(answer.text) == ["First", "Second"]
    assert "hx-trigger" not in answer.text, "all have ended"
    other = (await browser.get(path(first, second, baseline=second["id"], axis="epoch"))).text
    assert columns(other) == ["Second", "First"]
    assert "Improvement over the base model 8.0 % Best 3.0 % −5.0 percentage points" in text(other)
    assert '<option value="epoch" selected>' in other
    assert re.search(rf'data-job="{first["id"]}" data-number="1"', other), "a job keeps its colour"


async def test_the_links_hold_the_view(api, browser) -> None:
    jobs = [await api.new_job(name=f"Job {number}") for number in range(3)]
    page = (await browser.get(path(*jobs, baseline=jobs[2]["id"], axis="time", curve="validation_loss", log="1"))).text
    links = [html.unescape(link) for link in re.findall(r'data-view href="([^"]+)"', page)]
    assert len(links) == 2 + 2 + 3
    assert all("axis=time&curve=validation_loss&log=1" in link for link in links)
    pinned = next(link for link in links if link.count("job=") == 3 and f"baseline={jobs[0]['id']}" in link)
    again = (await browser.get(pinned)).text
    assert columns(again) == ["Job 0", "Job 1", "Job 2"]
    without = next(link for link in links if f"job={jobs[2]['id']}" not in link)
    assert columns((await browser.get(without)).text) == ["Job 0", "Job 1"]


async def test_jobs_that_still_run_come_again(api, browser) -> None:
    jobs = [await api.running_job(), await api.running_job()]
    page = (await browser.get(path(*jobs))).text
    assert 'hx-trigger="every 10s"' in page
    assert "Not ended: values so far" in page
    part = await browser.get(path(*jobs), headers={"hx-request": "true", "hx-target": "comparison"})
    assert part.text.lstrip().startswith('<div id="comparison"')
    assert "No recommendation" in part.text


async def test_a_wrong_number_of_jobs_leads_to_the_choice(api, browser) -> None:
    jobs = [await api.new_job(name=f"Job {number}") for number in range(5)]
    one = await browser.get(path(jobs[0]))
    assert (one.status_code, "One job is chosen: a comparison takes one to three more." in one.text) == (200, True)
    assert one.text.count(" checked>") == 1
    five = await browser.get(path(*jobs))
    assert five.status_code == 422
    assert "5 jobs are chosen, and at most 4 stand beside each other." in five.text
    assert five.text.count(" checked>") == 5
    twice = await browser.get(path(jobs[0], jobs[0]))
    assert "One job is chosen" in twice.text
    others = await browser.get("/compare/choose?" + path(jobs[1], jobs[2]).split("?")[1])
    assert others.text.count(" checked>") == 2
    assert (await browser.get(path(jobs[0]).replace("/compare", "/compare.pdf"))).headers["location"] == path(jobs[0])


async def test_unknown_and_foreign_jobs_are_refused_in_words(api, browser, dashboard) -> None:
    jobs = [await api.new_job(name=f"Secret {number}") for number in range(2)]
    unknown = await browser.get(path(jobs[0], {"id": uuid4()}))
    assert unknown.status_code == 404
    assert 'role="alert"' in unknown.text
    assert unknown.text.count(" checked>") == 1
    nonsense = await browser.get(path(jobs[0], {"id": "../../me"}))
    assert (nonsense.status_code, 'role="alert"' in nonsense.text) == (422, True)
    client = await api.member(*Role, workspace_id=uuid4())
    stranger = await Browser(dashboard).sign_in(client.headers["authorization"].removeprefix("Bearer "))
    for suffix in ("", ".pdf"):
        foreign = await stranger.get(path(*jobs).replace("/compare", f"/compare{suffix}"))
        assert foreign.status_code == 404
        assert "Secret" not in foreign.text
    assert "No jobs yet" in (await stranger.get("/compare")).text
    await stranger.http.aclose()
    await client.aclose()


async def test_markup_is_text(api, browser) -> None:
    jobs = [await api.new_job(name=f"{HOSTILE} {number}", preset=preset)
            for number, preset in enumerate(("balanced", "aggressive"))]
    for address in (path(*jobs), "/compare"):
        page = (await browser.get(address)).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


async def test_it_is_led_to(api, browser) -> None:
    jobs = [await api.new_job() for _ in range(2)]
    answer = await browser.send("/jobs/selected", page="/jobs", job=[job["id"] for job in jobs], action="compare")
    assert answer.headers["location"] == path(*jobs)
    assert 'value="compare" data-needs="2-4"' in (await browser.get("/jobs")).text
    assert f'href="{path(jobs[0])}"' in (await browser.get(f"/jobs/{jobs[0]['id']}")).text
    assert 'href="/compare"' in (await browser.get("/jobs")).text
