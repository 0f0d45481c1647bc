"""A paused run saves after the step it makes and ends; a continued one counts what was trained in conversations."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.rpc.pods import CheckpointOffer
from tests.trainer_image.conftest import Bench
from tests.trainer_image.runs import Run
from trainer_image.continuation import Position, position, step_of
from trainer_image.exit_codes import ExitCode

LONG: dict[str, Any] = {"overrides": {"num_epochs": 8}}  # 40 steps of 2


def order(*runs: Run) -> list[str]:
    return [key for run in runs for step in run.steps() for key in step["conversations"]]


@pytest.mark.slow
async def test_a_paused_run_is_resumed_without_a_step_lost_or_doubled(bench: Bench, new_bench: Any) -> None:
    whole = bench.run(**LONG).start()
    other = await new_bench(bench.url)
    first = other.run(**LONG).start()
    await first.until(lambda: len(first.steps()) > 9)
    other.provisioner.directive = "pause"
    assert await first.finished() == ExitCode.PAUSED, first.log()
    [said] = first.published("training.paused")
    last = first.steps()[-1]["step"]
    assert (said["step"], said["checkpoint_step"]) == (last, last)
    assert not first.published("pod.interrupted")
    assert not first.published("training.failed")

    other.provisioner.directive = "continue"
    second = other.run(attempt=2, **LONG).start()
    assert await second.finished() == 0, second.log()
    assert second.published("training.resumed")[0]["resumed_from_step"] == last
    assert await whole.finished() == 0, whole.log()
    assert order(first, second) == order(whole)
    losses = [run.published("training.completed")[0]["final_loss"] for run in (whole, second)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


@pytest.mark.slow
async def test_a_pause_before_the_first_step_ends_the_run_at_once(bench: Bench) -> None:
    bench.provisioner.directive = "pause"
    run = bench.run(**LONG).start()
    assert await run.finished() == ExitCode.PAUSED, run.log()
    assert run.published("training.paused")
    assert not run.published("training.failed")


@pytest.mark.slow
async def test_a_continued_job_with_another_batch_trains_every_conversation_once_an_epoch(
    bench: Bench, new_bench: Any
) -> None:
    first = bench.run(**LONG, checkpoint_every_steps=1).start()
    await first.until(lambda: any(offer.step >= 7 for offer in bench.provisioner.offers))
    bench.provisioner.directive = "pause"
    assert await first.finished() == ExitCode.PAUSED, first.log()

    done = order(first)
    train = len(set(done))
    whole_epochs, begun = divmod(len(done), train)
    epochs = whole_epochs + 2
    other = await new_bench(bench.url)
    take_over(other, bench)
    changed = {"num_epochs": epochs, "per_device_train_batch_size": 3, "learning_rate": 1e-3}
    second = other.run(overrides=changed, continues=bench.provisioner.job_id).start()
    assert await second.finished() == 0, second.log()
    assert set(Counter(order(first, second)).values()) == {epochs}
    assert not set(order(second)[: train - begun]) & set(done[whole_epochs * train:])
    assert second.published("metrics.reported")[0]["values"]["learning_rate"][0] < 1e-3


def take_over(bench: Bench, old: Bench) -> None:
    """The newest checkpoint of another job of the same workspace, as the provisioner offers it."""
    file = bench.provisioner.get("training_file", "conversations.jsonl")
    bench.provisioner.workspace_id = old.provisioner.workspace_id
    bench.provisioner.put("training_file", "conversations.jsonl", file)
    newest = old.provisioner.offers[0]
    bench.provisioner.offers = [CheckpointOffer(**newest.model_dump() | {"job_id": old.provisioner.job_id})]


@pytest.mark.slow
async def test_a_job_that_finds_nothing_to_continue_from_says_so_instead_of_beginning_anew(bench: Bench) -> None:
    run = bench.run(continues=bench.provisioner.job_id).start()
    assert await run.finished() == ExitCode.FAILED
    [failure] = run.published("training.failed")
    assert (failure["retryable"], "can be used" in failure["message"]) == (False, True)


@given(st.integers(1, 500), st.integers(1, 64), st.integers(1, 64), st.integers(0, 400))
def test_what_was_seen_and_what_is_left_make_whole_epochs(conversations: int, old: int, new: int, step: int) -> None:
    where = position(step, old, conversations)
    assert 0 <= where.seen < conversations
    behind, seen = step_of(where, new, conversations)
    an_epoch = -(-conversations // new)
    assert 0 <= seen < new
    assert behind // an_epoch == where.epochs
    assert (behind % an_epoch) * new + seen == where.seen
    assert step_of(where, old, conversations) == (step, 0)


def test_a_step_at_the_end_of_an_epoch_is_the_beginning_of_the_next() -> None:
    assert position(5, 4, 18) == Position(1, 0)
    assert position(4, 4, 18) == Position(0, 16)


