"""Events of pods, trainers, costs and verdicts become the job's state and its history, once each."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import func, select

from contracts import events
from contracts.events import ArtifactFile
from contracts.identifiers import uuid7
from services.job_api.jobs.repository import jobs
from services.job_api.tables import artifact_files, job_events, model_artifacts
from tests.services.job_api.waiting import eventually

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MACHINE = {"provider": "local", "gpu_type": "local", "pricing_tier": "spot"}


def completion(api, job, attempt=1):
    files = tuple(ArtifactFile(path=name, key=f"{job['id']}/{name}", size_bytes=10, sha256="0" * 64)
                  for name in ("adapter_model.safetensors", "adapter_config.json", "metrics.json", "tokenizer.json"))
    return events.TrainingCompleted(
        **api.about(job, attempt), bucket="model-artifacts", artifacts=files, base_model="tiny", total_steps=30,
        epochs=3, final_loss=1.25, final_validation_loss=1.5, training_seconds=60,
        completed_at=NOW + timedelta(minutes=2), versions={"peft": "0.18"})


def verdict(api, job, attempt=1, **values):
    figures = {"perplexity_baseline": 30.0, "perplexity_trained": 20.0, "perplexity_improvement_pct": 33.3}
    interval = {"improvement_low_pct": 20.0, "improvement_high_pct": 40.0, "verdict": "proven", "updated_at": NOW}
    return events.ValidationUpdated(
        **api.about(job, attempt), **(figures | interval | {"conversations": 12, "tokens": 900} | values))


async def test_a_whole_run_moves_the_job_and_says_so(api):
    job = await api.running_job()
    await api.tell(events.PodRequested(**api.pod(job), **MACHINE), time=NOW)
    await api.tell(events.PodRunning(**api.pod(job), **MACHINE, provider_pod_id="4711", running_since=NOW), time=NOW)
    await api.until(job["id"], lambda job: job["started_at"])
    await api.tell(events.TrainingStageChanged(**api.about(job), stage="training", message="Go"), time=NOW)
    await api.tell(events.TrainingProgressed(**api.about(job), step=15, total_steps=30, epoch=1.5, loss=2.0,
                                             learning_rate=1e-4, eta_s=61), time=NOW)
    shown = await api.until(job["id"], lambda job: job["current_step"] == 15)
    assert (shown["status"], shown["current_stage"], shown["progress_percentage"]) == ("training", "training", 51.0)
    assert (shown["latest_loss"], shown["estimated_time_remaining_minutes"]) == (2.0, 1)
    assert (shown["provider"], shown["runpod_instance_id"]) == ("local", "4711")
    await api.tell(completion(api, job), time=NOW + timedelta(minutes=2))
    done = await api.until(job["id"], lambda job: job["status"] == "completed")
    assert (done["allowed_actions"], done["progress_percentage"]) == (["download", "retry"], 100.0)
    assert (done["duration_seconds"], done["actual_duration_minutes"]) == (120, 2)
    said = (await api.published("JOBS", f"job.completed.{job['id']}", 1))[0].data
    assert (said.final_loss, said.total_steps, said.interruptions, said.job_name) == (1.25, 30, 0, job["name"])
    changes = await api.published("JOBS", f"job.status_changed.{job['id']}", 4)
    assert [change.data.to_status.value for change in changes] == ["queued", "provisioning", "training", "completed"]
    numbers = [row["seq"] for row in await api.log(job["id"])]
    assert numbers == list(range(1, done["last_event_seq"] + 1))


async def test_what_a_run_delivered_is_recorded(api):
    job = await api.running_job()
    await api.tell(verdict(api, job))  # the verdict may overtake the completion
    await api.until(job["id"], lambda job: job["validation"])
    await api.tell(completion(api, job))
    done = await api.until(job["id"], lambda job: job["status"] == "completed")
    assert (done["validation"]["verdict"], done["validation"]["perplexity_improvement_pct"]) == ("proven", 33.3)
    async with api.database.read() as tx:
        model = (await tx.execute(select(model_artifacts))).mappings().one()
        files = (await tx.execute(select(artifact_files).order_by(artifact_files.c.path))).mappings().all()
    assert model["adapter_model_path"] == f"{job['id']}/adapter_model.safetensors"
    assert (model["perplexity_baseline"], model["perplexity_trained"]) == (30.0, 20.0)
    assert (model["metrics_summary"]["final_loss"], model["versions"]) == (1.25, {"peft": "0.18"})
    assert [file["path"] for file in files] == [
        "adapter_config.json", "adapter_model.safetensors", "metrics.json", "tokenizer.json"]


async def test_a_newer_attempts_verdict_stays(api):
    job = await api.running_job()
    await api.tell(verdict(api, job, attempt=2, perplexity_trained=15.0))
    await api.until(job["id"], lambda job: job["validation"])
    await api.tell(verdict(api, job, attempt=1))
    await api.until(job["id"], lambda job: job["last_event_seq"] == 5)
    assert (await api.job(job["id"]))["validation"]["perplexity_trained"] == 15.0


async def test_a_verdict_that_was_reached_again_replaces_the_first_whatever_the_order(api):
    job = await api.running_job()
    again = {"verdict": "too_few", "conversations": 2, "missing_conversations": 8, "method": "cr2-t/1",
             "improvement_low_pct": None, "improvement_high_pct": None, "updated_at": NOW + timedelta(days=1)}
    await api.tell(verdict(api, job, **again))
    await api.until(job["id"], lambda job: job["validation"])
    await api.tell(verdict(api, job, conversations=2))  # the first one, delivered late
    shown = await api.until(job["id"], lambda job: job["last_event_seq"] == 5)
    found = shown["validation"]
    assert (found["verdict"], found["missing_conversations"], found["improvement_low_pct"]) == ("too_few", 8, None)
    assert [row["message"] for row in await api.log(job["id"])][3] == (
        "Perplexity improvement 33.3 % on 2 held-out conversations: too few to prove; 8 more held-out conversations "
        "are needed.")


async def test_a_verdict_is_told_with_its_interval(api):
    job = await api.running_job()
    await api.tell(verdict(api, job))
    await api.until(job["id"], lambda job: job["validation"])
    assert (await api.log(job["id"]))[-1]["message"] == (
        "Perplexity improvement 33.3 % (95 % interval 20.0 to 40.0) on 12 held-out conversations: proven for "
        "conversations of the kind held out.")


async def test_the_cost_is_current_and_settles(api):
    job = await api.running_job()

    def cost(amount, **values):
        return events.CostUpdated(**api.about(job), cost_micro_usd=amount, billed_seconds=1,
                                  running=not values.get("final"), as_of=NOW, **values)

    await api.tell(cost(2_000))
    await api.until(job["id"], lambda job: job["actual_cost_micro_usd"] == 2_000)
    await api.tell(cost(1_000))  # an older figure, delivered late
    await api.tell(cost(2_500, final=True))
    shown = await api.until(job["id"], lambda job: job["cost_is_final"])
    assert (shown["actual_cost"], shown["actual_cost_micro_usd"]) == (0.0025, 2_500)
    late = await api.tell(cost(9_000))
    await eventually(lambda: api.was_taken(late))
    assert (await api.job(job["id"]))["actual_cost_micro_usd"] == 2_500


async def test_an_interrupted_run_recovers(api):
    job = await api.running_job()
    await api.tell(events.TrainingProgressed(**api.about(job), step=20, total_steps=30, epoch=2))
    await api.tell(events.CheckpointSaved(**api.about(job), step=15, bucket="b", prefix="p", manifest_key="m",
                                          manifest_sha256="0", files=(), size_bytes=1, saved_at=NOW))
    await api.until(job["id"], lambda job: job["last_checkpoint_step"] == 15)
    await api.tell(events.PodInterrupted(**api.pod(job), detected_by="provider", interrupted_at=NOW))
    waiting = await api.until(job["id"], lambda job: job["status"] == "recovering")
    assert "step 15" in waiting["status_reason"]["message"]
    await api.tell(events.TrainingResumed(**api.about(job, 2), resumed_from_step=15, checkpoint_attempt=1))
    await api.tell(events.TrainingProgressed(**api.about(job, 2), step=16, total_steps=30, epoch=1.6))
    shown = await api.until(job["id"], lambda job: job["current_step"] == 16)
    assert (shown["attempt"], shown["status"], shown["checkpoint_recovery_count"]) == (2, "training", 1)
    late = await api.tell(events.TrainingProgressed(**api.about(job), step=25, total_steps=30, epoch=2.5))
    await eventually(lambda: api.was_taken(late))
    assert (await api.job(job["id"]))["current_step"] == 16


async def test_a_failure_is_told_with_its_fix(api):
    job = await api.running_job()
    await api.tell(events.PodFailed(**api.pod(job), error_type="provisioning", message="No capacity.",
                                    suggested_fix="Choose on_demand."))
    failed = await api.until(job["id"], lambda job: job["status"] == "failed")
    assert failed["status_reason"] == {"code": "provisioning", "message": "No capacity.",
                                       "suggested_fix": "Choose on_demand."}
    said = (await api.published("JOBS", f"job.failed.{job['id']}", 1))[0].data
    assert (said.error_type.value, said.suggested_fix) == ("provisioning", "Choose on_demand.")


async def test_a_job_that_has_used_up_its_money_is_stopped(api):
    """Its machine is let go by `job.failed`, and it can be continued from its checkpoint once there is money."""
    job = await api.running_job()
    about = {key: value for key, value in api.about(job).items() if key != "attempt"}
    await api.tell(events.CostLimitReached(**about, cost_micro_usd=16_000_000, reserved_micro_usd=15_000_000,
                                           month="2026-11", budget_micro_usd=500_000_000, as_of=NOW))
    failed = await api.until(job["id"], lambda job: job["status"] == "failed")
    assert (failed["status_reason"]["code"], failed["error"]["code"]) == ("budget_stop", "budget_stop")
    said = (await api.published("JOBS", f"job.failed.{job['id']}", 1))[0].data
    assert (said.error_type.value, said.error_code) == ("budget", "budget_stop")


async def test_the_same_event_however_often_it_comes_has_one_effect(api):
    job = await api.running_job()
    progress = events.TrainingProgressed(**api.about(job), step=1, total_steps=30, epoch=0.1)
    event = await api.tell(progress)
    for copy in range(3):  # other message ids: the broker does not recognise them
        await api.jetstream.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": f"copy-{copy}"})
    await api.tell(events.TrainingWarning(**api.about(job), code="last", message="last"))
    await api.until(job["id"], lambda job: job["last_event_seq"] >= 6)
    await asyncio.sleep(0.3)
    types = [row["type"] for row in await api.log(job["id"])]
    assert types.count("training.progressed") == 1
    assert types.count("job.status_changed") == 2


async def test_events_from_all_sides_at_once_are_numbered_without_gaps(api):
    job = await api.running_job()
    said = [events.TrainingWarning(**api.about(job), code=str(n), message=f"warning {n}") for n in range(30)]
    said += [events.CostOverrun(**api.about(job), cost_micro_usd=n, estimate_micro_usd=1, variance_percent=n, as_of=NOW)
             for n in range(30)]
    await asyncio.gather(*(api.tell(data) for data in said))
    await api.until(job["id"], lambda job: job["last_event_seq"] == 63)
    assert [row["seq"] for row in await api.log(job["id"])] == list(range(1, 64))


async def test_of_many_figures_at_once_the_highest_stays(api):
    job = await api.running_job()
    said = [events.CostUpdated(**api.about(job), cost_micro_usd=n, billed_seconds=n, running=True, as_of=NOW)
            for n in range(30)]
    said += [events.TrainingProgressed(**api.about(job), step=n, total_steps=30, epoch=0) for n in range(30)]
    told = await asyncio.gather(*(api.tell(data) for data in said))
    for event in told:
        await eventually(lambda event=event: api.was_taken(event))
    shown = await api.job(job["id"])
    assert (shown["actual_cost_micro_usd"], shown["current_step"]) == (29, 29)
    types = [row["type"] for row in await api.log(job["id"])]
    assert (types.count("cost.updated"), types.count("training.progressed")) == (1, 1)


async def test_events_about_unknown_jobs_and_of_wrong_workspaces_are_dead_letters_that_can_be_replayed(api):
    job = await api.running_job()
    unknown = {"id": str(uuid7())}
    await api.tell(events.TrainingWarning(**api.about(unknown), code="x", message="nobody"))
    stolen = api.about(job) | {"workspace_id": uuid4()}
    await api.tell(events.TrainingWarning(**stolen, code="x", message="foreign"))
    letters = await eventually(lambda: dead_letters(api, 2))
    assert {letter["error_type"] for letter in letters} == {"Permanent"}
    assert letters[0]["event"]["data"]["code"] == "x"
    one = (await api.client.get(f"/dead-letters/{letters[0]['sequence']}")).json()
    assert one == letters[0]
    assert "foreign" not in json.dumps([dict(row) for row in await api.log(job["id"])], default=str)
    replayed = await api.client.post(f"/dead-letters/{letters[0]['sequence']}/replay")
    assert replayed.json() == {"object": "replay", "replayed": [letters[0]["sequence"]], "failed": []}
    # it dies again under a new number
    letters = await eventually(lambda: dead_letters(api, 2, without=letters[0]["sequence"]))
    seen = [letter["sequence"] for letter in letters]
    everything = (await api.client.post("/dead-letters/replay-all")).json()
    assert (sorted(everything["replayed"]), everything["failed"]) == (seen, [])
    assert (await api.client.get("/dead-letters/999999")).status_code == 404


async def dead_letters(api, count, without=0):
    letters = (await api.client.get("/dead-letters")).json()["data"]
    return letters if len(letters) == count and without not in [letter["sequence"] for letter in letters] else None


async def test_dead_letters_of_others_are_seen_by_the_operator_only(api):
    elsewhere = uuid4()
    stranger = await api.member("admin", workspace_id=elsewhere)
    ours = api.about({"id": str(uuid7())})
    await api.tell(events.TrainingWarning(**ours, code="ours", message="m"))
    await api.tell(events.TrainingWarning(**(ours | {"workspace_id": elsewhere}), code="theirs", message="m"))
    letters = await eventually(lambda: dead_letters(api, 2))
    foreign = next(letter for letter in letters if letter["event"]["data"]["code"] == "ours")["sequence"]
    seen = (await stranger.get("/dead-letters")).json()["data"]
    assert [letter["event"]["data"]["code"] for letter in seen] == ["theirs"]
    assert (await stranger.get(f"/dead-letters/{foreign}")).status_code == 404
    assert (await stranger.post(f"/dead-letters/{foreign}/replay")).status_code == 404
    engineer = await api.member("engineer")
    assert (await engineer.get("/dead-letters")).status_code == 403


async def test_a_loss_that_is_not_a_number_breaks_nothing(api):
    job = await api.running_job()
    raw = {"step": 3, "total_steps": 30, "epoch": 0.3, "loss": float("nan")}
    await api.tell(events.TrainingProgressed(**api.about(job), **raw))
    shown = await api.until(job["id"], lambda job: job["current_step"] == 3)
    assert shown["latest_loss"] is None
    assert (await api.client.get(f"/jobs/{job['id']}/events")).status_code == 200


async def test_the_raw_material_of_the_evaluation_is_not_copied_into_the_log(api):
    job = await api.running_job()
    likelihood = events.ConversationLikelihood(conversation_key="c", tokens=5, base_nll=9.0, trained_nll=4.0)
    await api.tell(events.EvaluationGenerated(**api.about(job), conversations=(likelihood,) * 3, base_perplexity=6,
                                              trained_perplexity=2, base_model="tiny", generated_at=NOW))
    await api.until(job["id"], lambda job: job["last_event_seq"] == 4)
    assert (await api.log(job["id"]))[-1]["payload"]["conversations"] == 3


async def test_nothing_is_doubled_when_a_handler_is_cut_off(api, monkeypatch):
    """The first try fails after the log entry was written; its transaction takes everything back."""
    job = await api.running_job()
    original, failures = jobs.save, [1]

    async def save(tx, job_id, values):
        if failures[0]:
            failures[0] -= 1
            raise RuntimeError("cut off")
        await original(tx, job_id, values)

    monkeypatch.setattr(jobs, "save", save)
    await api.tell(events.TrainingProgressed(**api.about(job), step=1, total_steps=30, epoch=0.1))
    await api.until(job["id"], lambda job: job["current_step"] == 1)
    async with api.database.read() as tx:
        counted = select(func.count()).where(job_events.c.type == "training.progressed")
        assert (await tx.execute(counted)).scalar_one() == 1
