"""The log keeps milestones; snapshots of progress and cost move the job, reach live streams, and leave no row each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, insert, select, update

from contracts import events
from contracts.identifiers import uuid7
from services.job_api.jobs.application.retention import thin_logs
from services.job_api.tables import job_events, job_snapshots
from tests.services.job_api.jobs.test_events import completion
from tests.services.job_api.jobs.test_stream import Stream
from tests.services.job_api.waiting import eventually

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def progress(api, job, step, attempt=1, **values):
    return events.TrainingProgressed(**api.about(job, attempt), step=step, total_steps=100, epoch=step / 50, **values)


def cost(api, job, amount, *, running=True, **values):
    return events.CostUpdated(**api.about(job), cost_micro_usd=amount, billed_seconds=1, running=running, as_of=NOW,
                              **values)


async def logged(api, job, kind):
    return [row["payload"] for row in await api.log(job["id"]) if row["type"] == kind]


async def settled(api, *told):
    """Once every one of these events was taken."""
    for event in told:
        await eventually(lambda event=event: api.was_taken(event))


async def test_a_long_run_leaves_its_first_and_last_progress(api):
    job = await api.running_job()
    for step in range(1, 61):
        last = await api.tell(progress(api, job, step, loss=3 - step / 50, tokens_per_second=1000 + step))
    await settled(api, last)
    assert [entry["step"] for entry in await logged(api, job, "training.progressed")] == [1]
    shown = await api.job(job["id"])
    assert (shown["current_step"], shown["progress_percentage"]) == (60, 60.0)
    await api.tell(events.TrainingStageChanged(**api.about(job), stage="finalization"))
    await api.until(job["id"], lambda job: job["status"] == "finalization")
    kept = await logged(api, job, "training.progressed")
    assert [entry["step"] for entry in kept] == [1, 60]
    assert kept[-1]["tokens_per_second"] == 1060  # as it was said
    await api.tell(completion(api, job))
    done = await api.until(job["id"], lambda job: job["status"] == "completed")
    rows = await api.log(job["id"])
    assert [row["seq"] for row in rows] == list(range(1, done["last_event_seq"] + 1))
    assert [row["type"] for row in rows][-6:] == [
        "training.progressed", "training.stage_changed", "job.status_changed", "training.completed",
        "job.status_changed", "job.completed"]
    assert next(row["event_id"] for row in rows if row["payload"].get("step") == 60) == last.id


async def test_each_attempt_has_its_first_and_last_progress(api):
    job = await api.running_job()
    for step in (1, 20, 40):
        told = await api.tell(progress(api, job, step))
    await settled(api, told)
    await api.tell(events.PodInterrupted(**api.pod(job), detected_by="provider", interrupted_at=NOW))
    await api.until(job["id"], lambda job: job["status"] == "recovering")
    for step in (35, 60):
        told = await api.tell(progress(api, job, step, attempt=2))
    await settled(api, told, await api.tell(progress(api, job, 99)))  # the first attempt's, delivered late
    await api.client.post(f"/jobs/{job['id']}/cancel")
    kept = [(entry["attempt"], entry["step"]) for entry in await logged(api, job, "training.progressed")]
    assert kept == [(1, 1), (1, 40), (2, 35), (2, 60)]


async def test_a_lost_machine_is_told_once_whoever_saw_it(api):
    job = await api.running_job()
    told = []
    for attempt in (1, 2):
        for source in ("sigterm", "heartbeat", "provider"):
            lost = events.PodInterrupted(**api.pod(job, attempt=attempt), detected_by=source, interrupted_at=NOW)
            told.append(await api.tell(lost))
    await settled(api, *told)
    kept = [(entry["attempt"], entry["detected_by"]) for entry in await logged(api, job, "pod.interrupted")]
    assert kept == [(1, "sigterm"), (2, "sigterm")]


async def test_the_cost_is_logged_where_something_changes(api):
    job = await api.running_job()
    told = [await api.tell(cost(api, job, amount)) for amount in (1, 500, 400, 900)]
    told += [await api.tell(cost(api, job, 950, running=False)), await api.tell(cost(api, job, 980, running=False)),
             await api.tell(cost(api, job, 1000, running=False, final=True)), await api.tell(cost(api, job, 5000))]
    await settled(api, *told)
    kept = [(entry["cost_micro_usd"], entry["running"], entry["final"])
            for entry in await logged(api, job, "cost.updated")]
    assert kept == [(1, True, False), (950, False, False), (1000, False, True)]
    shown = await api.job(job["id"])
    assert (shown["actual_cost_micro_usd"], shown["cost_is_final"]) == (1000, True)


async def test_a_live_stream_shows_every_snapshot(api):
    job = await api.running_job()
    await settled(api, await api.tell(progress(api, job, 1)))
    async with api.client.stream("GET", f"/jobs/{job['id']}/stream") as response:
        stream = Stream(response)
        assert (await stream.until("job"))[2]["current_step"] == 1
        for step in (2, 3, 4):
            await api.tell(progress(api, job, step, loss=1.5))
            number, _, entry = await stream.until("training.progressed")
            assert (number, entry["seq"], entry["payload"]["step"]) == (0, None, step)
            assert entry["message"] == f"Step {step} of 100, loss 1.5000."
            assert (await stream.until("job"))[2]["current_step"] == step
        await api.tell(cost(api, job, 10))
        assert (await stream.until("cost.updated"))[0] > 0  # the first one is a milestone
        await api.tell(cost(api, job, 20))
        assert (await stream.until("cost.updated"))[0] == 0
        assert (await stream.until("job"))[2]["actual_cost_micro_usd"] == 20


async def test_a_stream_that_resumes_gets_the_last_progress_with_its_number(api):
    job = await api.running_job()
    for step in (1, 50):
        told = await api.tell(progress(api, job, step))
    await settled(api, told)
    seen = (await api.job(job["id"]))["last_event_seq"]
    await api.client.post(f"/jobs/{job['id']}/cancel")
    text = (await api.client.get(f"/jobs/{job['id']}/stream", params={"after": seen})).text
    assert f"id: {seen + 1}\nevent: training.progressed" in text


async def test_old_snapshots_leave_the_log_and_milestones_stay(api):
    """Logs of releases that kept every snapshot."""
    job = await api.running_job()
    about = {"job_id": UUID(job["id"]), "workspace_id": api.workspace_id, "source": "/t", "level": "info",
             "message": "m", "occurred_at": NOW}
    rows = [("training.progressed", attempt, {"step": step}) for attempt in (1, 2) for step in range(5)]
    rows += [("cost.updated", None, {"running": running, "final": final, "cost_micro_usd": amount})
             for amount, (running, final) in enumerate(
                 [(True, False)] * 4 + [(False, False)] * 3 + [(True, False)] * 2 + [(False, True)])]
    rows += [("training.warning", 1, {"code": "w"})] * 3
    async with api.database.transaction() as tx:
        await tx.execute(insert(job_events), [
            {**about, "seq": 10 + n, "event_id": uuid7(), "type": kind, "attempt": attempt, "payload": payload}
            for n, (kind, attempt, payload) in enumerate(rows)])
        await tx.execute(update(job_events).values(received_at=func.now() - timedelta(days=10)))
    before = await api.log(job["id"])
    assert await thin_logs(api.database, timedelta(days=11)) == 0
    assert await thin_logs(api.database, timedelta(days=9), batch=4) == 12
    assert await thin_logs(api.database, timedelta(days=9)) == 0
    after = await api.log(job["id"])
    assert [(row["attempt"], row["payload"]["step"]) for row in after if row["type"] == "training.progressed"] == [
        (1, 0), (1, 4), (2, 0), (2, 4)]
    assert [row["payload"]["cost_micro_usd"] for row in after if row["type"] == "cost.updated"] == [0, 4, 7, 9]
    snapshots = {"training.progressed", "cost.updated"}
    assert [row for row in after if row["type"] not in snapshots] == [
        row for row in before if row["type"] not in snapshots]
    page = (await api.client.get(f"/jobs/{job['id']}/events", params={"limit": 5})).json()
    assert page["has_more"]


async def test_snapshots_go_with_their_job(api):
    job = await api.new_job()
    async with api.database.transaction() as tx:
        await tx.execute(insert(job_snapshots).values(
            job_id=UUID(job["id"]), type="cost.updated", event_id=uuid7(), source="/t", level="info", message="m",
            payload={}, occurred_at=NOW, logged=False))
    assert (await api.client.delete(f"/jobs/{job['id']}")).status_code == 200
    async with api.database.read() as tx:
        assert (await tx.execute(select(func.count()).select_from(job_snapshots))).scalar_one() == 0
