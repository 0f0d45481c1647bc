"""Who is measured, and how one round of each is run."""

import asyncio
import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import metrics_ingest
from stack.parts import free_port

INSIDE = Path(__file__).parent / "inside"
_LIMIT_S = 600.0


@dataclass(frozen=True)
class Contender:
    """`round` runs one measurement with the interpreter of `requirement`'s environment (none: ours) and returns
    points per second. `points` are as many as take some seconds."""

    name: str
    what: str
    points: int
    round: Callable[[Path | None, int], float]
    requirement: str = ""


def ours(_: Path | None, points: int) -> float:
    with metrics_ingest.service() as running:
        return float(asyncio.run(metrics_ingest.throughput(running, points))["points_per_s"])


def mlflow(python: Path | None, points: int) -> float:
    return _inside(python, "mlflow_server.py", str(free_port()), str(points))


def trackio(python: Path | None, points: int) -> float:
    return _inside(python, "trackio_run.py", str(points))


def _inside(python: Path | None, script: str, *arguments: str) -> float:
    """Points per second, as a script says that the peer's interpreter runs in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="brightrun-peer-", ignore_cleanup_errors=True) as folder:
        command = [str(python), str(INSIDE / script), folder, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, cwd=folder)
    answers = [line for line in done.stdout.splitlines() if line.startswith('{"points"')]
    if done.returncode != 0 or not answers:
        raise RuntimeError(f"{script} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    figures = json.loads(answers[0])
    return float(figures["points"] / figures["seconds"])


OURS = Contender(
    "ours", "trainer's messages over NATS into PostgreSQL, every tenth twice, each point stored once", 1_000_000, ours
)
PEERS = (
    Contender(
        "MLflow 3.17.0", "server with 2 workers over SQLite, two clients, log_batch of 1,000 by REST", 20_000, mlflow,
        "mlflow==3.17.0",
    ),
    Contender(
        "Trackio 0.43.0", "in the training's own process into SQLite, log() of 6 metrics, then finish()", 300_000,
        trackio, "trackio==0.43.0",
    ),
)
