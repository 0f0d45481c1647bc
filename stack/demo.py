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
from stack import commands
from stack.layout import Layout
from stack.problems import StackError

SAMPLE = Path(__file__).parents[1] / "examples" / "sample.json"


def demo(layout: Layout) -> int:
    """0 only if the downloaded adapter was loaded in a fresh process and changes the model's answers."""
    began = time.monotonic()
    _title("1/4 Start the system")
    state = commands.up(layout)
    commands.announce(state)
    tag = f"demo-{int(time.time())}"
    _title(f"2/4 Train on {SAMPLE.relative_to(Path(__file__).parents[1])}")
    _brightrun(layout, "train", str(SAMPLE), "--preset", "balanced", "--watch", "--yes", "--name", "Demo", "--tag", tag)
    job = _answer(layout, "jobs", "list", "--tag", tag, "--limit", "1")["data"][0]
    _title("3/4 Download the adapter")
    folder = layout.data / "demo"
    archive = Path(_answer(layout, "download", job["id"], "--out", str(folder))["path"])
    print(f"{archive} ({archive.stat().st_size:,} bytes)")
    _title("4/4 Load it in a fresh process")
    if _python("trainer_image.verify_zip", str(archive), "--base", _base_model(layout)) != 0:
        raise StackError("The downloaded adapter could not be verified.", f"Look at it by hand: {archive}")
    _summary(layout, state.url, job["id"], archive, time.monotonic() - began)
    return 0


def _summary(layout: Layout, url: str, job_id: str, archive: Path, seconds: float) -> None:
    job = _answer(layout, "jobs", "show", job_id)
    _title(f"Done in {seconds:.0f} s")
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
    print(f"Job       {url}/api/training/jobs/{job_id}")
    print(f"API       {url}{commands.DOCS_PATH}")
    print(f"Key       {layout.credentials_file}")
    print(f"Logs      {layout.logs}")
    print("The system goes on running: `make status` shows it, `make down` stops it.")


def _base_model(layout: Layout) -> str:
    return os.environ.get("BASE_MODEL") or os.environ.get("BRIGHTRUN_BASE_MODEL_DIR") or str(layout.base_model)


def _brightrun(layout: Layout, *arguments: str) -> None:
    """Run a command in this terminal. Raises StackError when it fails; it has said why."""
    if (status := _python("brightrun", *arguments, data=layout.data)) != 0:
        raise StackError(f"`brightrun {' '.join(arguments)}` ended with status {status}.", "`make logs` shows more.")


def _answer(layout: Layout, *arguments: str) -> dict[str, Any]:
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
    return dict(json.loads(done.stdout))


def _python(module: str, *arguments: str, data: Path | None = None) -> int:
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", module, *arguments], env=_environment(data)).returncode


def _environment(data: Path | None) -> dict[str, str]:
    return dict(os.environ) | ({"BRIGHTRUN_DATA_DIR": str(data)} if data else {})


def _title(text: str) -> None:
    print(f"\n== {text}", flush=True)
