"""`make demo`: the whole way of a user, through the same command line that a user has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from contracts.evidence import in_words
from stack import commands, dashboard
from stack.durations import Durations
from stack.install.bytecode import compile_in_background
from stack.interruption import order_interruption, recovery
from stack.layout import Layout
from stack.parts.process import package_folder
from stack.problems import StackError
from stack.progress import Progress, span
from stack.provider import FAKE_RUNPOD, wanted_fake
from stack.state import StackState
from stack.steps import DEMO, DOWNLOAD, INTERRUPTED, START, TRAIN, VERIFY

SAMPLE = Path(__file__).parents[1] / "examples" / "sample.json"


def demo(layout: Layout, *, done: int = 0, began: float | None = None) -> int:
    """0 only if the downloaded adapter was loaded in a fresh process and changes the model's answers.

    `done` and `began` come from the installation before it, so that steps and time are those of the whole.
    """
    train = INTERRUPTED if wanted_fake() == FAKE_RUNPOD else TRAIN
    steps = [train if step is TRAIN else step for step in DEMO]
    progress = Progress(steps, Durations.of_this_machine(), done=done, began=began)
    with progress.step(START):
        if not (package_folder("transformers") / "__pycache__").exists():
            compile_in_background(Path(sys.executable), "trainer", niceness=5)
        state = commands.up(layout)
    with progress.step(train):
        interrupted = order_interruption(layout, state)
        job_id = _train(layout)
        survived = recovery(_answer(layout, "jobs", "events", job_id)) if interrupted else ""
    with progress.step(DOWNLOAD):
        archive = _download(layout, job_id)
    with progress.step(VERIFY):
        said = _verify(layout, archive)
    print(said)
    _summary(layout, state, job_id, archive, progress.elapsed_s, survived)
    return 0


def _train(layout: Layout) -> str:
    """The id of the completed job."""
    tag = f"demo-{int(time.time())}"
    _brightrun(layout, "train", str(SAMPLE), "--preset", "balanced", "--watch", "--yes", "--name", "Demo", "--tag", tag)
    return str(_answer(layout, "jobs", "list", "--tag", tag, "--limit", "1")["data"][0]["id"])


def _download(layout: Layout, job_id: str) -> Path:
    archive = Path(_answer(layout, "download", job_id, "--out", str(layout.data / "demo"))["path"])
    print(f"{archive} ({archive.stat().st_size:,} bytes)")
    return archive


def _verify(layout: Layout, archive: Path) -> str:
    """What the check says. Raises StackError when the adapter does not load or changes nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "trainer_image.verify_zip", str(archive), "--base", _base_model(layout)],
        env=_environment(None),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        said = f"{done.stdout}{done.stderr}".strip()
        raise StackError(f"The downloaded adapter could not be verified:\n{said}", f"Look at it by hand: {archive}")
    return done.stdout.strip()


def _summary(layout: Layout, state: StackState, job_id: str, archive: Path, seconds: float, survived: str) -> None:
    url, page = state.url, dashboard.address(state)
    job = _answer(layout, "jobs", "show", job_id)
    print(f"\n== Done in {span(seconds)}")
    if survived:
        print(f"Machine   {survived}")
    if job.get("actual_cost_micro_usd") is not None:
        estimated = (job.get("cost_estimate_micro_usd") or 0) / 1e6
        print(f"Cost      ${job['actual_cost_micro_usd'] / 1e6:.6f} (estimated ${estimated:.6f})")
    if verdict := job.get("validation"):
        print(
            f"Proof     perplexity {verdict['perplexity_baseline']:.2f} -> {verdict['perplexity_trained']:.2f} "
            f"({verdict['perplexity_improvement_pct']:.1f} % better): "
            f"{in_words(verdict['verdict'], verdict['missing_conversations'])}"
        )
    print(f"Adapter   {archive}")
    print(f"Job       {page}/jobs/{job_id}" if page else f"Job       {url}/api/training/jobs/{job_id}")
    print(f"API       {url}{commands.DOCS_PATH}")
    print(f"Key       {layout.credentials_file}")
    print(f"Logs      {layout.logs}")
    chosen = f" PROVIDER={fake}" if (fake := wanted_fake()) else ""
    print(f"The system goes on running: `make status{chosen}` shows it, `make down{chosen}` stops it.")


def _base_model(layout: Layout) -> str:
    return os.environ.get("BASE_MODEL") or os.environ.get("BRIGHTRUN_BASE_MODEL_DIR") or str(layout.base_model)


def _brightrun(layout: Layout, *arguments: str) -> None:
    """Run a command in this terminal. Raises StackError when it fails; it has said why."""
    if (status := _python("brightrun", *arguments, data=layout.data)) != 0:
        raise StackError(f"`brightrun {' '.join(arguments)}` ended with status {status}.", "`make logs` shows more.")


def _answer(layout: Layout, *arguments: str) -> Any:
    """The JSON answer of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "brightrun", *arguments, "--json"],
        env=_environment(layout.data),
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        raise StackError(
            f"`brightrun {' '.join(arguments)}` ended with status {done.returncode}.", "`make logs` shows more."
        )
    return json.loads(done.stdout)


def _python(module: str, *arguments: str, data: Path | None = None) -> int:
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", module, *arguments], env=_environment(data)).returncode


def _environment(data: Path | None) -> dict[str, str]:
    return dict(os.environ) | ({"BRIGHTRUN_DATA_DIR": str(data)} if data else {})
