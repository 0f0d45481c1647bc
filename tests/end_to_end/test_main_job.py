"""From a dataset to a checked adapter, through the real services and the real trainer."""

import json
import os
import signal
from pathlib import Path

import httpx
import pytest

from contracts.local_base_model import SHIPPED_BASE_MODEL
from tests.system import history
from tests.system.stack_under_test import ROOT, StackUnderTest

EQ_12 = ROOT.parent / "shared" / "data" / "eq-12" / "EQ-12-conversations-demo.json"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420), pytest.mark.xdist_group("end_to_end")]


@pytest.fixture(scope="module")
def finished(system: StackUnderTest) -> str:
    """The id of a job trained on the sample file with the balanced preset."""
    job = system.start_job(preset="balanced")
    system.wait_for(job.id, lambda found: found.status == "completed")
    return job.id


def test_the_sample_is_trained_with_every_effect_once(system, finished) -> None:
    figures = history.check(system, finished)
    assert figures["attempts"] == 1
    assert figures["steps"] > 0


def test_loss_falls_and_the_proof_is_shown(system, finished) -> None:
    job = history.settle(system, finished)
    assert job.validation["perplexity_trained"] < job.validation["perplexity_baseline"]
    with system.client() as client:
        answer = client.http.json(
            "GET", f"/api/training/jobs/{finished}/metrics", params={"metrics": "loss,validation_loss"}
        )
    losses = next(series for series in answer["series"] if series["metric"] == "loss")["values"]
    assert losses[-1] < losses[0]
    assert any(series["metric"] == "validation_loss" and series["values"] for series in answer["series"])


def test_all_stages_were_gone_through_in_order(system, finished) -> None:
    with system.client() as client:
        events = list(client.all_events(finished, type=["training.stage_changed"]))
    assert [event["payload"]["stage"] for event in events] == [
        "preprocessing",
        "model_loading",
        "training",
        "finalization",
    ]


@pytest.mark.parametrize("file_format", ["safetensors", "bin"])
def test_the_delivered_zip_loads_in_a_fresh_process(system, finished, tmp_path, file_format) -> None:
    done = system.command("brightrun", "download", finished, "--out", str(tmp_path), "--format", file_format, "--json")
    archive = json.loads(done.stdout)["path"]
    done = system.command("trainer_image.verify_zip", archive, "--base", str(SHIPPED_BASE_MODEL), "--json")
    checked = json.loads(done.stdout)
    assert checked["largest_change"] > 1e-3


def test_what_the_trainer_printed_is_there_after_its_machine_is_gone(system, finished) -> None:
    history.settle(system, finished)
    done = system.command("brightrun", "logs", finished, "--tail", "100", "--json")
    printed = json.loads(done.stdout)
    assert (printed["source"], printed["attempt"]) == ("store", 1)
    assert any("validation loss" in line["text"] for line in printed["lines"])
    done = system.command("brightrun", "logs", finished, "--search", "STAGE training")
    assert [line.split(" INFO ")[1].strip() for line in done.stdout.splitlines()] == ["stage training"]


def test_the_cost_of_a_finished_job_stands_still(system, finished) -> None:
    first = history.settle(system, finished)
    assert first.actual_cost_micro_usd > 0
    assert system.job(finished).actual_cost_micro_usd == first.actual_cost_micro_usd


def test_the_stream_of_a_finished_job_replays_and_ends(system, finished) -> None:
    with system.client() as client:
        from brightrun.event_stream import follow

        names = [name for name, _ in follow(client, finished)]
    assert names[-1] == "end"
    assert "training.completed" in names


def test_a_signed_url_works_without_a_key_and_not_without_its_signature(system, finished) -> None:
    with system.client() as client:
        found = client.adapter_download(finished)
    assert httpx.get(found.url).is_success
    assert not httpx.get(found.url.split("?")[0]).is_success


def test_a_killed_trainer_resumes_from_its_checkpoint(system) -> None:
    job = system.start_job(preset="balanced", hyperparameters={"num_epochs": 6})
    system.wait_for(job.id, lambda found: (found.current_step or 0) >= 4)
    os.kill(system.trainers(job.id)[0].pid, signal.SIGKILL)
    system.wait_for(job.id, lambda found: found.status == "completed")
    figures = history.check(system, job.id)
    assert figures["attempts"] == 2
    assert figures["recoveries"] == 1


def test_a_killed_provisioner_leaves_the_trainer_at_work(system) -> None:
    job = system.start_job(preset="balanced")
    system.wait_for(job.id, lambda found: found.status == "training")
    system.kill_program("provisioner")
    system.wait_for(job.id, lambda found: found.status == "completed")
    assert history.check(system, job.id)["attempts"] == 1


def test_cancelling_ends_the_machine(system) -> None:
    job = system.start_job(preset="balanced", hyperparameters={"num_epochs": 20})
    system.wait_for(job.id, lambda found: found.status in ("model_loading", "training"))
    system.command("brightrun", "jobs", "cancel", job.id)
    cancelled = system.wait_for(job.id, lambda found: found.status == "cancelled" and found.cost_is_final, timeout_s=60)
    assert cancelled.allowed_actions == ["retry"]
    assert system.trainers(job.id) == []


@pytest.mark.skipif(not EQ_12.exists(), reason="the real training file ../shared/data/eq-12 is not on this machine")
def test_the_real_file_trains(system) -> None:
    with system.client() as client:
        uploaded = client.upload(Path(EQ_12))
    assert uploaded.report["records"] == 89
    assert uploaded.report["trainable"] == 44
    job = system.start_job(EQ_12, preset="conservative")
    system.wait_for(job.id, lambda found: found.status == "completed")
    history.check(system, job.id)
