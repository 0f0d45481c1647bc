"""Start to trainer, kill -9 to training again, idle memory: `python -m benchmarks.local_run [--json PATH]`."""

import argparse
import json
import os
import signal
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.system.stack_under_test import StackUnderTest

ROUNDS = 3
SERVICES = ("job_api", "provisioner", "metrics_ingest", "cost_guard", "validator", "notifier")


def main() -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        system = StackUnderTest(Path(folder) / ".data")
        began = time.monotonic()
        system.up()
        figures = {"stack_up_first_s": time.monotonic() - began}
        system.down()
        began = time.monotonic()
        system.up()
        figures["stack_up_again_s"] = time.monotonic() - began
        try:
            figures |= _measure(system)
        finally:
            system.down()
    for name, value in figures.items():
        print(f"{name:24} {value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures))
    return figures


def _measure(system: StackUnderTest) -> dict[str, float]:
    time.sleep(10)  # idle
    programs = system.programs()
    memory = {
        "services_memory_mb": sum(programs[name]["memory_mib"] for name in SERVICES) * 1.048576,
        "stack_memory_mb": sum(program["memory_mib"] for program in programs.values()) * 1.048576,
    }
    rounds = [_round(system) for _ in range(ROUNDS)]
    return memory | {
        "start_to_trainer_s": median(first for first, _ in rounds),
        "kill_to_training_s": median(second for _, second in rounds),
    }


def _round(system: StackUnderTest) -> tuple[float, float]:
    """Seconds from the accepted start to the trainer's first word, and from its death to its next step."""
    accepted = time.time()
    job = system.start_job(preset="balanced", hyperparameters={"num_epochs": 15})
    system.wait_for(job.id, lambda found: (found.current_step or 0) >= 6)
    started = _event(system, job.id, "training.started", 1)
    queued = _event(system, job.id, "job.status_changed", 0) or accepted
    killed = time.time()
    os.kill(system.trainers(job.id)[0].pid, signal.SIGKILL)
    system.wait_for(job.id, lambda found: found.attempt == 2 and found.status == "training")
    progressed = _first_after(system, job.id, "training.progressed", killed)
    system.command("brightrun", "jobs", "cancel", job.id)
    return started - max(accepted, queued), progressed - killed


def _events(system: StackUnderTest, job_id: str, kind: str) -> list[dict[str, Any]]:
    with system.client() as client:
        return list(client.all_events(job_id, type=[kind]))


def _event(system: StackUnderTest, job_id: str, kind: str, attempt: int) -> float:
    found = [_time(event) for event in _events(system, job_id, kind) if not attempt or event["attempt"] == attempt]
    return found[0] if found else 0.0


def _first_after(system: StackUnderTest, job_id: str, kind: str, moment: float) -> float:
    """When the first such event after `moment` happened; waits for it."""
    while True:
        for event in _events(system, job_id, kind):
            if _time(event) > moment:
                return _time(event)
        time.sleep(0.2)


def _time(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["occurred_at"]).timestamp()


if __name__ == "__main__":
    main()
