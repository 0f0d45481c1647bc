"""`make chaos` or `python -m tests.chaos [PART ...]`: one job for each part, killed with -9 at a random moment.

Exit status 0 only when every job completed with no effect lost or doubled. `--seed` repeats the moments.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.system import history
from tests.system.stack_under_test import StackUnderTest

SERVICES = ("job_api", "provisioner", "metrics_ingest", "cost_guard", "validator", "notifier")
PARTS = (*SERVICES, "trainer", "nats", "postgres", "valkey", "s3")
# About as long as the sample takes on two cores; a moment after the end shows nothing and is drawn again.
_LONGEST_S = 25.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART", help=f"of: {', '.join(PARTS)}")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="brightrun-chaos-"))
    system, moments = StackUnderTest(folder / ".data"), random.Random(seed)
    failed = []
    try:
        system.up()
        failed = [part for part in options.parts if not _survives(system, part, moments)]
    finally:
        system.down()
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{len(options.parts) - len(failed)} passed, {len(failed)} failed"
        + (f": {', '.join(failed)} (logs in {folder})" if failed else "")
    )
    return 1 if failed else 0


def _survives(system: StackUnderTest, part: str, moments: random.Random) -> bool:
    began, moment = time.monotonic(), moments.uniform(0.5, _LONGEST_S)
    job = system.start_job(preset="balanced")
    while time.monotonic() - began < moment and not system.job(job.id).has_ended:
        time.sleep(0.1)
    at = system.job(job.id)
    try:
        _kill(system, part, job.id)
        system.wait_for(job.id, lambda found: found.status == "completed", timeout_s=300)
        figures = history.check(system, job.id)
    except AssertionError as error:
        print(f"FAILED  {part:15} killed at {moment:.1f} s ({at.status}): {error}", flush=True)
        return False
    took = time.monotonic() - began
    print(f"ok      {part:15} killed at {moment:4.1f} s ({at.status}), done after {took:.0f} s: {figures}", flush=True)
    return True


def _kill(system: StackUnderTest, part: str, job_id: str) -> None:
    if part != "trainer":
        system.kill_program(part)
        return
    for process in system.trainers(job_id):
        os.kill(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
