"""F14: the machine is taken back at each moment of a run, with RunPod's five seconds and without any."""

import signal
from collections.abc import Callable

import obstore
import pytest

from tests.trainer_image.conftest import Bench
from tests.trainer_image.runs import Run, stored
from tests.trainer_image.test_interruptions import final_loss, last_line_of_each_step

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

OFTEN = {"overrides": {"num_epochs": 4}, "checkpoint_every_steps": 3, "checkpoint_part_bytes": 20_000}
STEPS = 20
# Of a run that nobody took anything from: its loss, and the conversations of each step.
_undisturbed: dict[str, object] = {}


def entered(stage: str) -> Callable[[Bench, Run], bool]:
    return lambda bench, run: stage in [event["stage"] for event in run.published("training.stage_changed")]


def writes_a_later_checkpoint(bench: Bench, run: Run) -> bool:
    steps = [int(folder.name.removeprefix("step-")) for folder in (run.folder / "checkpoints").glob("step-*")]
    return any(step > 3 for step in steps)


def uploads_a_later_checkpoint(bench: Bench, run: Run) -> bool:
    """Some of its parts lie in the object store, its manifest does not."""
    store, prefix = bench.provisioner.store("checkpoints"), bench.provisioner.object_key("checkpoints", "a1/")
    found: dict[str, set[str]] = {}
    for page in obstore.list(store, prefix):
        for item in page:
            step, _, name = item["path"].removeprefix(prefix).partition("/")
            found.setdefault(step, set()).add(name)
    return any(step not in ("step-1", "step-3") and "manifest.json" not in names for step, names in found.items())


MOMENTS: dict[str, Callable[[Bench, Run], bool]] = {
    "before the first step": entered("model_loading"),
    "in a step": lambda bench, run: len(run.steps()) > 7,
    "while a checkpoint is written": writes_a_later_checkpoint,
    "while a checkpoint is uploaded": uploads_a_later_checkpoint,
    "after the last step": entered("finalization"),
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["5 s", "0 s"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_machine_taken_back_at_any_moment_costs_only_what_was_not_saved(
    bench: Bench, moment: str, number: signal.Signals
) -> None:
    first = bench.run(**OFTEN).start()
    await first.until(lambda: MOMENTS[moment](bench, first))
    first.kill(number)
    assert await first.finished(timeout_s=10) in (128 + number, 143)
    saved = [offer.step for offer in bench.provisioner.offers]

    second = bench.run(attempt=2, **OFTEN).start()
    assert await second.finished() == 0, second.log()
    resumed = [event["resumed_from_step"] for event in second.published("training.resumed")]
    assert resumed == ([max(saved)] if saved else []), "it goes on from the newest whole checkpoint"
    assert [line["step"] for line in second.steps()] == list(range(max(saved, default=0) + 1, STEPS + 1))
    completed = [event.data.attempt for event in await stored(bench.stream, "TRAINING", second.spec.job_id)
                 if event.type == "brightrun.training.completed.v1"]
    assert completed == [2], "one adapter is delivered, once"
    if second.steps():
        await reference(bench)
        assert last_line_of_each_step(first, second) == _undisturbed["order"], "no conversation twice or never"
        assert final_loss(second) == pytest.approx(_undisturbed["loss"], abs=1e-3)


async def reference(bench: Bench) -> None:
    if not _undisturbed:
        bench.provisioner.offers.clear()
        whole = bench.run(attempt=3, **OFTEN).start()
        assert await whole.finished() == 0, whole.log()
        _undisturbed.update(order=last_line_of_each_step(whole), loss=final_loss(whole))
