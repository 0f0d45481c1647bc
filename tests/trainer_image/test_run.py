"""A whole run, as the product sees it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.registry import parse_event
from tests.trainer_image.conftest import Bench
from tests.trainer_image.runs import Run, stored

STAGES = ["preprocessing", "model_loading", "training", "finalization"]
STEPS = 15  # 10 conversations, 2 a step, 3 epochs


@pytest.fixture
async def finished(bench: Bench) -> Run:
    run = bench.run(checkpoint_every_steps=4).start()
    assert await run.finished() == 0, run.log()
    return run


@pytest.mark.slow
async def test_tells_its_story_and_delivers(finished: Run, bench: Bench) -> None:
    events = await stored(bench.stream, "TRAINING", finished.spec.job_id)
    kinds = [event.type.removeprefix("brightrun.").removesuffix(".v1") for event in events]
    assert kinds[0] == "training.started"
    assert kinds[-1] == "training.completed"
    assert [event.data.stage for event in events if hasattr(event.data, "stage")] == STAGES
    [evaluation] = await stored(bench.stream, "EVALUATIONS", finished.spec.job_id)
    assert events[-2].time <= evaluation.time <= events[-1].time
    told = [event.data.sequence for event in (*events[:-1], evaluation, events[-1])]
    assert told == sorted(set(told))

    progress = [event.data for event in events if event.type == "brightrun.training.progressed.v1"]
    assert progress[0].step == 0
    assert progress[-1].step == progress[-1].total_steps == STEPS

    await every_step_is_stored_once(finished, bench)
    completed = events[-1].data
    assert evaluation.data.trained_perplexity < evaluation.data.base_perplexity
    assert {item.group for item in evaluation.data.conversations} <= {"fear_to_calm", "shame_to_pride"}
    assert completed.trained_tokens > 0
    assert [parse_event(json.dumps(item).encode()) for item in bench.provisioner.result()] == [
        evaluation, events[-1]]
    checkpoints_keep_to_the_rules(finished, bench)
    delivery = download(bench, completed.artifacts, finished.folder / "downloaded")
    it_passes_its_own_test(delivery, bench.base_model)
    the_readme_works(delivery, bench.base_model)


async def every_step_is_stored_once(run: Run, bench: Bench) -> None:
    batches = [event.data for event in await stored(bench.stream, "METRICS", run.spec.job_id)]
    steps = [step for batch in batches for step, loss in zip(batch.steps, batch.values.get("loss", ()), strict=False)
             if loss is not None]
    assert steps == list(range(1, STEPS + 1))
    evaluated = [step for batch in batches
                 for step, loss in zip(batch.steps, batch.values.get("validation_loss", ()), strict=False)
                 if loss is not None]
    assert evaluated == [0, 5, 10, 15]
    names = {name for batch in batches for name in batch.values}
    assert names >= {"loss", "validation_loss", "learning_rate", "gradient_norm", "tokens_per_second",
                     "samples_per_second", "epoch", "eta_s", "perplexity"}


def checkpoints_keep_to_the_rules(run: Run, bench: Bench) -> None:
    """After the first step, every four, after the last; the newest three stay."""
    saved = [event["step"] for event in run.published("checkpoint.saved")]
    assert saved[0] == 1
    assert saved[-1] == STEPS
    assert bench.provisioner.deleted == [(1, step) for step in saved[:-3]]


def download(bench: Bench, artifacts: tuple, folder: Path) -> Path:
    folder.mkdir()
    for file in artifacts:
        (folder / file.path).write_bytes(bench.provisioner.get("artifacts", f"a1/{file.path}"))
    assert {path.name for path in folder.iterdir()} >= {
        "adapter_model.safetensors", "adapter_model.bin", "adapter_config.json", "tokenizer.json",
        "chat_template.jinja", "training_metrics.json", "training_metrics.csv", "training_summary.json",
        "golden_outputs.json", "self_test.py", "README.md"}
    return folder


def it_passes_its_own_test(delivery: Path, base_model: Path) -> None:
    """The delivery's own test, in a process that knows nothing of this project."""
    tested = subprocess.run([sys.executable, "-I", str(delivery / "self_test.py"), str(base_model)],
                            capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert re.search(r"\d+ of \d+ greedy tokens agree\nThe adapter answers as recorded", tested.stdout)


def the_readme_works(delivery: Path, base_model: Path) -> None:
    """Its code, word for word but for where the base lies, in a process that knows nothing of this project."""
    text = (delivery / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]  # type: ignore[index]
    code, replaced = re.subn(r'^BASE_MODEL = ".*?"', f"BASE_MODEL = {str(base_model)!r}", code, flags=re.MULTILINE)
    assert replaced == 1
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=delivery, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
