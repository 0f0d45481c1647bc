"""The log by pages and as an export, and what other services know."""

import csv
import io
import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts import events
from services.job_api.edge.auth import Role
from services.job_api.jobs.exports import PAGE
from services.job_api.jobs.schemas.history import EvaluationOfJob, EventView, MetricsView

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def job_with_events(api, count):
    job = await api.running_job()  # three events of our own
    for number in range(count):
        kind = events.TrainingWarning(**api.about(job), code="w", message=f"warning {number} of Elena")
        await api.tell(kind if number % 2 else events.CheckpointSaved(
            **api.about(job), step=number, bucket="b", prefix="p", manifest_key="m", manifest_sha256="0", files=(),
            size_bytes=1, saved_at=NOW))
    return await api.until(job["id"], lambda job: job["last_event_seq"] == 3 + count)


async def test_the_log_is_read_in_pages_in_both_directions(api):
    job = await job_with_events(api, 120)
    total, seen, cursor = job["last_event_seq"], [], None
    while True:
        page = (await api.client.get(f"/jobs/{job['id']}/events", params={"after": cursor} if cursor else {})).json()
        seen += [entry["seq"] for entry in page["data"]]
        assert len(page["data"]) <= 50
        if not page["has_more"]:
            break
        cursor = page["next_cursor"]
    assert seen == list(range(1, total + 1))
    newest = (await api.client.get(f"/jobs/{job['id']}/events", params={"order": "desc", "limit": 2})).json()
    assert [entry["seq"] for entry in newest["data"]] == [total, total - 1]
    older = (await api.client.get(f"/jobs/{job['id']}/events", params={
        "order": "desc", "limit": 2, "after": newest["next_cursor"]})).json()
    assert [entry["seq"] for entry in older["data"]] == [total - 2, total - 3]
    EventView.model_validate(older["data"][0])


async def test_the_log_is_filtered_and_searched(api):
    job = await job_with_events(api, 6)

    async def found(**params):
        response = await api.client.get(f"/jobs/{job['id']}/events", params=params)
        return [entry["type"] for entry in response.json()["data"]]

    assert await found(type="training.warning") == ["training.warning"] * 3
    assert await found(type="job.created,job.start_requested") == ["job.created", "job.start_requested"]
    assert await found(level="warning") == ["training.warning"] * 3
    assert await found(q="warning 3 OF elena") == ["training.warning"]
    assert await found(q="100%_") == []
    assert (await api.client.get(f"/jobs/{job['id']}/events", params={"level": "loud"})).status_code == 422
    assert (await api.client.get(f"/jobs/{job['id']}/events", params={"after": 2**63})).status_code == 422


@pytest.mark.slow
async def test_the_whole_log_is_exported(api):
    job = await job_with_events(api, PAGE + 20)
    response = await api.client.get(f"/jobs/{job['id']}/events", params={"format": "csv"})
    assert response.headers["content-disposition"].endswith('events.csv"')
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [int(row["seq"]) for row in rows] == list(range(1, job["last_event_seq"] + 1))
    assert json.loads(rows[0]["payload"])["preset"] == "balanced"
    exported = (await api.client.get(f"/jobs/{job['id']}/events", params={"format": "json"})).json()
    assert len(exported) == job["last_event_seq"]
    none = await api.client.get(f"/jobs/{job['id']}/events", params={"format": "json", "type": "none"})
    assert none.json() == []


async def test_a_cell_that_looks_like_a_formula_is_disarmed(api):
    job = await api.running_job()
    await api.tell(events.TrainingWarning(**api.about(job), code="w", message='=HYPERLINK("http://x")'))
    await api.until(job["id"], lambda job: job["last_event_seq"] == 4)
    response = await api.client.get(f"/jobs/{job['id']}/events", params={"format": "csv"})
    assert list(csv.DictReader(io.StringIO(response.text)))[-1]["message"].startswith("'=HYPERLINK")


async def test_metrics_come_with_their_newest_values_and_flags(api):
    job = await api.new_job()
    response = await api.client.get(f"/jobs/{job['id']}/metrics", params={"metrics": "loss,learning_rate"})
    found = response.json()
    MetricsView.model_validate(found)
    assert [series["metric"] for series in found["series"]] == ["loss", "learning_rate"]
    assert found["series"][0]["values"] == [2.0, "NaN"]
    assert (found["series"][0]["flagged_steps"], found["latest"]["loss"]["value"]) == ([2], "NaN")
    too_many = await api.client.get(f"/jobs/{job['id']}/metrics", params={"max_points": 1_000_000})
    assert too_many.status_code == 422


async def test_machines(api):
    job = await api.new_job()
    pods = (await api.client.get(f"/jobs/{job['id']}/pods")).json()
    assert pods["data"][0]["pod_name"] == f"job-{job['id']}-a1"


async def test_the_conversations_behind_a_verdict(api):
    job = await api.new_job()
    found = (await api.client.get(f"/jobs/{job['id']}/evaluation", params={"limit": 1})).json()
    EvaluationOfJob.model_validate(found)
    assert (found["verdict"], found["missing_conversations"], found["improvement_low_pct"]) == ("too_few", 8, None)
    assert (found["samples"], [item["conversation_key"] for item in found["conversations"]]) == (2, ["c-0"])
    stranger = await api.member(Role.ANALYST, workspace_id=uuid4())
    assert (await stranger.get(f"/jobs/{job['id']}/evaluation")).status_code == 404


@pytest.mark.parametrize("path", ["metrics", "pods", "logs", "evaluation"])
async def test_a_service_that_is_away_is_a_503_with_a_hint_to_repeat(alone, path):
    job = await alone.new_job()
    response = await alone.client.get(f"/jobs/{job['id']}/{path}")
    assert (response.status_code, response.json()["code"]) == (503, "no_answer")
    assert response.headers["retry-after"]
