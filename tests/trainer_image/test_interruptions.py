"""Machines die and brokers go away; the result is the same as if they had not."""

import signal
from typing import Any

import nats
import pytest

from contracts.streams import CONSUMERS, STREAMS
from stack.parts import NatsPart
from tests.trainer_image.conftest import Bench
from tests.trainer_image.runs import Run, stored

pytestmark = pytest.mark.slow

LONG = {"num_epochs": 8}  # 40 steps
STEPS = 40


def final_loss(run: Run) -> float:
    return float(run.published("training.completed")[0]["final_loss"])


def last_line_of_each_step(*runs: Run) -> dict[int, list[str]]:
    """What counted: a later attempt's steps replace those beyond the step it resumed from."""
    lines: dict[int, list[str]] = {}
    for run in runs:
        own = {line["step"]: line["conversations"] for line in run.steps()}
        lines = {step: keys for step, keys in lines.items() if step < min(own)} | own
    return lines


async def test_a_killed_run_resumes_to_the_same_result(bench: Bench, new_bench: Any) -> None:
    """With an optimizer that is stored in parts."""
    often = {"overrides": LONG, "checkpoint_every_steps": 3, "checkpoint_part_bytes": 40_000}
    whole = bench.run(**often).start()
    other = await new_bench(bench.url)
    first = other.run(**often).start()
    await first.until(lambda: len(first.steps()) > 14 and len(other.provisioner.offers) > 1)
    first.kill(signal.SIGKILL)
    assert await first.finished() == 137

    newest, before = other.provisioner.offers[:2]
    damage(other, newest.step)
    assert {"optimizer.pt/part-0001", "optimizer.pt/part-0002"} <= {
        file["path"] for file in first.published("checkpoint.saved")[-1]["files"]}
    second = other.run(attempt=2, **often).start()
    assert await second.finished() == 0, second.log()
    assert await whole.finished() == 0, whole.log()

    assert second.published("training.resumed"), [w["message"] for w in second.published("training.warning")]
    resumed = second.published("training.resumed")[0]
    assert (resumed["resumed_from_step"], resumed["checkpoint_attempt"]) == (before.step, 1)
    assert [warning["code"] for warning in second.published("training.warning")] == ["checkpoint_skipped"]
    assert final_loss(second) == pytest.approx(final_loss(whole), abs=1e-3)
    assert last_line_of_each_step(first, second) == last_line_of_each_step(whole)
    metrics = [event.data for event in await stored(bench.stream, "METRICS", second.spec.job_id)
               if event.data.attempt == 2]
    assert {batch.resumed_from_step for batch in metrics} == {before.step}
    assert min(step for batch in metrics for step in batch.steps) == before.step + 1
    assert len(bench.provisioner.get("artifacts", "a1/training_metrics.csv").splitlines()) == STEPS + 2
    assert len(other.provisioner.get("artifacts", "a2/training_metrics.csv").splitlines()) == STEPS + 2


def damage(bench: Bench, step: int) -> None:
    """One flipped byte in the newest checkpoint's weights."""
    key = f"a1/step-{step}/adapter_model.safetensors"
    content = bytearray(bench.provisioner.get("checkpoints", key))
    content[-1] ^= 1
    bench.provisioner.put("checkpoints", key, bytes(content))


async def test_a_finished_training_only_repeats_its_finalization(bench: Bench) -> None:
    first = bench.run().start()
    assert await first.finished() == 0, first.log()
    again = bench.run(attempt=2).start()
    assert await again.finished() == 0, again.log()
    assert again.published("training.resumed")[0]["resumed_from_step"] == 15
    assert again.steps() == []
    assert final_loss(again) == final_loss(first)


async def test_other_settings_do_not_resume(bench: Bench) -> None:
    first = bench.run(overrides={"num_epochs": 1}).start()
    assert await first.finished() == 0, first.log()
    again = bench.run(attempt=2, overrides={"num_epochs": 1, "learning_rate": 1e-3}).start()
    await again.until(lambda: again.published("training.progressed"))
    again.kill()
    assert again.published("training.resumed") == []
    warning = again.published("training.warning")[0]
    assert warning["code"] == "checkpoint_skipped"
    assert "learning_rate" in warning["message"]


async def test_sigterm_is_told_at_once_and_what_fits_is_saved(bench: Bench) -> None:
    run = bench.run(overrides={"num_epochs": 40}, checkpoint_every_steps=1000).start()
    await run.until(lambda: len(run.steps()) > 8)
    run.kill(signal.SIGTERM)
    assert await run.finished(timeout_s=10) == 143
    interrupted = [event.data for event in await stored(bench.stream, "PODS", run.spec.job_id)]
    assert [(event.detected_by, event.attempt) for event in interrupted] == [("sigterm", 1)]
    last = bench.provisioner.offers[0].step
    assert last >= interrupted[0].last_step > 1, "the step that ran when the signal came was saved"
    batches = [event.data for event in await stored(bench.stream, "METRICS", run.spec.job_id)]
    assert max(step for batch in batches for step in batch.steps) >= interrupted[0].last_step


async def test_a_broker_that_is_away_costs_no_metric(nats_server: NatsPart, new_bench: Any) -> None:
    bench = await broker_with_streams(nats_server, new_bench)
    run = bench.run(overrides=LONG).start()
    await run.until(lambda: len(run.steps()) > STEPS // 3)
    nats_server.kill()
    await run.until(lambda: len(run.steps()) > 2 * STEPS // 3)
    nats_server.start()
    assert await run.finished() == 0, run.log()
    await every_loss_is_stored(bench, run)


async def test_a_broker_that_lost_its_store_hears_everything_again(nats_server: NatsPart, new_bench: Any) -> None:
    bench = await broker_with_streams(nats_server, new_bench)
    run = bench.run(overrides=LONG).start()
    await run.until(lambda: len(run.steps()) > STEPS // 3)
    nats_server.kill()
    nats_server.wipe()
    nats_server.start()
    await apply_topology(bench)
    assert await run.finished() == 0, run.log()
    await every_loss_is_stored(bench, run)
    kinds = {event.type for event in await stored(bench.stream, "TRAINING", run.spec.job_id)}
    assert kinds >= {"brightrun.training.started.v1", "brightrun.training.completed.v1"}


async def broker_with_streams(server: NatsPart, new_bench: Any) -> Bench:
    bench: Bench = await new_bench(server.url)
    await apply_topology(bench)
    return bench


async def apply_topology(bench: Bench) -> None:
    """Over a connection of its own: the bench's may still be on its way back to a restarted server."""
    from chassis.messaging import topology

    client = await nats.connect(bench.url, connect_timeout=5, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
    await topology.apply(client.jetstream(timeout=10), STREAMS, CONSUMERS)
    await client.close()


async def every_loss_is_stored(bench: Bench, run: Run) -> None:
    losses: dict[int, set[float]] = {}
    for event in {event.id: event for event in await stored(bench.stream, "METRICS", run.spec.job_id)}.values():
        for step, loss in zip(event.data.steps, event.data.values.get("loss", ()), strict=False):
            if loss is not None:
                assert step not in losses, f"step {step} stands in two events"
                losses.setdefault(step, set()).add(loss)
    assert sorted(losses) == list(range(1, STEPS + 1))


async def test_a_pod_that_no_longer_counts_ends_silently(bench: Bench) -> None:
    bench.provisioner.directive = "stop"
    run = bench.run().start()
    assert await run.finished() == 64
    kinds = {event.type for event in await stored(bench.stream, "TRAINING", run.spec.job_id)}
    assert kinds <= {"brightrun.training.started.v1", "brightrun.training.stage_changed.v1"}
