"""Jobs beside each other, over the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from contracts.events import ValidationUpdated
from services.job_api.comparisons.schemas import ComparisonView
from services.job_api.edge.auth import Role
from tests.services.job_api.jobs.test_retries import completed


async def compared(api: Any, *jobs: dict[str, Any], **query: Any) -> dict[str, Any]:
    answer = await api.client.get("/comparisons", params={"job": [job["id"] for job in jobs], **query})
    assert answer.status_code == 200, answer.text
    ComparisonView.model_validate(answer.json())
    return answer.json()


async def judged(api: Any, job: dict[str, Any], low: float, high: float) -> None:
    await api.tell(ValidationUpdated(
        job_id=job["id"], workspace_id=api.workspace_id, attempt=1, perplexity_baseline=20, perplexity_trained=19,
        perplexity_improvement_pct=(low + high) / 2, improvement_low_pct=low, improvement_high_pct=high,
        conversations=40, tokens=4_000, verdict="proven", method="cr2-t/1", updated_at=datetime.now(UTC)))
    await api.until(job["id"], lambda found: found["validation"] is not None)


async def test_two_jobs_of_one_file(api) -> None:
    file_id = await api.add_file()
    first = await api.running_job(training_file_id=file_id, name="first", preset="conservative")
    second = await api.running_job(
        training_file_id=file_id, name="second", preset="conservative", hyperparameters={"learning_rate": 0.0002})
    for job, interval in ((first, (2.0, 4.0)), (second, (7.0, 9.0))):
        await completed(api, job)
        await judged(api, job, *interval)
    found = await compared(api, first, second)
    assert [job["name"] for job in found["jobs"]] == ["first", "second"]
    assert found["configuration_differences"] == [{"name": "learning_rate", "values": [0.0001, 0.0002]}]
    assert (found["recommendation"]["job_id"], found["recommendation"]["basis"]) == (second["id"], "improvement")
    figures = {figure["name"]: figure for figure in found["figures"]}
    improvement = figures["perplexity_improvement_pct"]
    assert (improvement["values"], improvement["differences"], improvement["best"]) == (
        [3.0, 8.0], [0.0, 5.0], [second["id"]])
    assert improvement["differences_pct"] == [None, None], "percentage points have no per cent"
    assert figures["best_training_loss"]["values"] == [2.0, 2.0], "NaN is never the best"
    assert found["jobs"][0]["curves"] is None
    assert found["jobs"][0]["created_by_name"] == first["created_by_name"]


async def test_curves_and_jobs_of_other_files(api) -> None:
    jobs = [await api.new_job() for _ in range(4)]
    found = await compared(api, *jobs, max_points=50)
    assert [series["metric"] for series in found["jobs"][3]["curves"]["series"]] == ["loss", "validation_loss"]
    assert found["jobs"][0]["curves"]["series"][0]["values"] == [2.0, "NaN"]
    losses = next(figure for figure in found["figures"] if figure["name"] == "best_training_loss")
    assert (losses["comparable"], losses["best"], losses["differences"]) == (False, [], [None] * 4)
    assert losses["note"]
    assert found["recommendation"]["job_id"] is None
    assert len(found["recommendation"]["would_change"]) == 4


async def test_what_cannot_be_compared(api) -> None:
    mine, stranger = await api.new_job(), await api.member(Role.ADMIN, workspace_id=uuid4())
    one, two = mine["id"], str(uuid4())
    for client, ids, status in ((api.client, [one, two], 404), (stranger, [one, two], 404),
                                (api.client, [one], 422), (api.client, [one, one], 422),
                                (api.client, [str(uuid4()) for _ in range(5)], 422)):
        answer = await client.get("/comparisons", params={"job": ids})
        assert answer.status_code == status, answer.text
    await stranger.aclose()


async def test_without_metrics_the_rest_is_there(alone) -> None:
    async with alone.others():
        jobs = [await alone.new_job() for _ in range(2)]
    found = await compared(alone, *jobs)
    assert "metrics_ingest" in found["unavailable"]["metrics"]
    assert len(found["jobs"]) == 2
