"""Metrics as a file: pages put together, attempts kept apart, values that are no numbers kept."""

import csv
import io
import json

from contracts.rpc.metrics import RawPoint


def point(step, metric, value, attempt=1, superseded=False):
    return RawPoint(attempt=attempt, step=step, metric=metric, time=100.0 + step, value=value, superseded=superseded)


POINTS = [
    point(1, "learning_rate", 1e-4), point(1, "loss", 2.5), point(2, "learning_rate", 2e-4), point(2, "loss", 2.25),
    point(3, "learning_rate", 3e-4, superseded=True), point(3, "loss", float("nan"), superseded=True),
    point(3, "custom", 7.0, attempt=2), point(3, "loss", 2.0, attempt=2), point(3, "validation_loss", 2.125, attempt=2),
]


async def test_csv_has_a_row_for_each_step_of_each_attempt(alone, deliveries_alone, points):
    points += POINTS
    job = await alone.new_job()
    answer = await deliveries_alone.ask(job, "csv", "metrics")
    assert answer["file_name"] == f"job-{job['id']}-metrics.csv"
    rows = list(csv.DictReader(io.StringIO((await deliveries_alone.fetch(answer)).decode())))
    assert list(rows[0]) == [
        "step", "attempt", "superseded", "time", "loss", "validation_loss", "learning_rate", "custom"]
    assert [(row["step"], row["attempt"], row["loss"], row["superseded"]) for row in rows] == [
        ("1", "1", "2.5", "False"), ("2", "1", "2.25", "False"), ("3", "1", "NaN", "True"), ("3", "2", "2.0", "False")]
    assert (rows[3]["validation_loss"], rows[3]["learning_rate"]) == ("2.125", "")


async def test_json_has_the_same_rows(alone, deliveries_alone, points):
    points += POINTS
    job = await alone.new_job()
    content = json.loads(await deliveries_alone.fetch(await deliveries_alone.ask(job, "json", "metrics")))
    assert (content["object"], content["job_id"]) == ("training_job.metrics_export", job["id"])
    assert content["rows"][0] == {
        "step": 1, "attempt": 1, "superseded": False, "time": 101.0, "learning_rate": 1e-4, "loss": 2.5}
    assert content["rows"][2]["loss"] == "NaN"
    assert len(content["rows"]) == 4


async def test_a_download_of_metrics_is_recorded_but_does_not_count_as_the_adapter_s(alone, deliveries_alone, points):
    points += POINTS
    job = await alone.new_job()
    await deliveries_alone.ask(job, "csv", "metrics")
    [record] = (await alone.client.get(f"/jobs/{job['id']}/downloads")).json()["data"]
    assert (record["kind"], record["format"]) == ("metrics", "csv")


async def test_a_job_without_metrics_says_so(alone, points):
    job = await alone.new_job()
    response = await alone.client.get(f"/jobs/{job['id']}/download/metrics")
    assert (response.status_code, response.json()["code"]) == (409, "no_metrics")


async def test_when_nobody_answers_about_metrics_it_is_503(alone):
    job = await alone.new_job()
    response = await alone.client.get(f"/jobs/{job['id']}/download/metrics")
    assert response.status_code == 503
    assert response.headers["retry-after"]
