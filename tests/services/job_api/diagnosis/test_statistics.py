"""How a workspace's jobs fail, and which retries helped."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import update

from contracts.events import PodFailed
from services.job_api.diagnosis.domain import FailedJobs, Retries, statistics
from services.job_api.diagnosis.schemas import StatisticsView
from services.job_api.edge.auth import Role
from services.job_api.jobs.domain.success import Success
from services.job_api.tables import training_jobs
from tests.services.job_api.jobs.test_errors import failed
from tests.services.job_api.jobs.test_retries import completed, lost_capacity


async def stats(client, **query):
    response = await client.get("/errors/stats", params=query)
    assert response.status_code == 200
    StatisticsView.model_validate(response.json())
    return response.json()


async def retried(api, job, **body):
    return (await api.client.post(f"/jobs/{job['id']}/retry", json={"confirm": True, **body})).json()


async def test_the_most_frequent_errors_and_what_helped(api):
    capacity = [await lost_capacity(api) for _ in range(3)]
    memory = await failed(api, job=await api.running_job(preset="balanced"), error_type="out_of_memory",
                          error_code="gpu_out_of_memory")
    await completed(api, await api.running_job(preset="balanced"))
    await completed(api, await retried(api, capacity[0]))
    await failed(api, PodFailed, job=await retried(api, capacity[1], apply_adjustments=False),
                 error_type="provisioning", error_code="no_gpu_capacity")
    cancelled = await retried(api, capacity[2])
    await api.client.post(f"/jobs/{cancelled['id']}/cancel")
    await retried(api, memory)
    found = await stats(api.client)
    assert (found["ended"], found["failed"]) == (7, 5)
    first, second = found["codes"]
    assert (first["code"], first["count"], first["share"], first["class"]) == (
        "no_gpu_capacity", 4, 0.8, "infrastructure")
    assert first["retries"] == {
        "with_suggestion": {"retries": 1, "ended": 1, "completed": 1, "success_rate": 1.0},
        "without_suggestion": {"retries": 1, "ended": 1, "completed": 0, "success_rate": 0.0}}
    assert (second["code"], second["presets"]) == ("gpu_out_of_memory", {"balanced": 1})
    assert second["retries"]["with_suggestion"] == {
        "retries": 1, "ended": 0, "completed": 0, "success_rate": None}
    assert found["presets"] == [
        {"preset": "balanced", "ended": 2, "failed": 1, "failure_rate": 0.5, "most_frequent": "gpu_out_of_memory"},
        {"preset": "conservative", "ended": 5, "failed": 4, "failure_rate": 0.8, "most_frequent": "no_gpu_capacity"}]
    assert found["retries"]["with_suggestion"]["completed"] == 1


async def test_a_preset_a_time_and_nobody_elses(api):
    job = await lost_capacity(api)
    other = await failed(api, job=await api.running_job(preset="balanced"), error_type="unknown")
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    async with api.database.transaction() as tx:
        await tx.execute(update(training_jobs).where(training_jobs.c.id == UUID(job["id"])).values(
            completed_at=long_ago, error_code=None, error_facts={}))
    assert [code["code"] for code in (await stats(api.client, preset="balanced"))["codes"]] == ["unknown"]
    late = await stats(api.client, ended_after=(long_ago + timedelta(1)).isoformat())
    assert [code["code"] for code in late["codes"]] == ["unknown"]
    early = await stats(api.client, ended_before=(long_ago + timedelta(1)).isoformat())
    assert [code["code"] for code in early["codes"]] == ["provisioning_timeout"], "told by the type"
    stranger = await api.member(Role.ADMIN, workspace_id=UUID(int=7))
    nothing = await stats(stranger)
    assert (nothing["ended"], nothing["codes"], nothing["retries"]["with_suggestion"]["success_rate"]) == (0, [], None)
    assert (await api.client.get("/errors/stats", params={"preset": "huge"})).status_code == 422
    assert other["status"] == "failed"


async def test_the_page_of_errors_stays_where_it_is(api):
    page = await api.client.get("/errors")
    assert page.headers["content-type"].startswith("text/html")
    assert 'id="no_gpu_capacity"' in page.text


def test_retries_of_an_error_that_ended_elsewhere_are_counted_as_well() -> None:
    full = ("storage", "disk_full")
    failures = [FailedJobs("balanced", *full, 2), FailedJobs("aggressive", *full, 1)]
    retries = [Retries(*full, False, Success(2, 2, 1)), Retries("budget", None, True, Success(1, 1, 1))]
    found = statistics({"aggressive": 3, "balanced": 4, "conservative": 2}, failures, retries)
    assert [(code.entry.code.value, code.count) for code in found.codes] == [("disk_full", 3), ("budget_stop", 0)]
    assert (found.ended, found.failed) == (9, 3)
    assert [preset.most_frequent for preset in found.presets] == ["disk_full", "disk_full", None]
    assert found.with_suggestion == found.without_suggestion + Success(-1, -1, 0)
