"""Small trainers under the real parent process: what they do is a few lines of Python."""

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contracts.pod_environment import PodSpec
from contracts.presets import resolve

ROOT = Path(__file__).parents[3]
_UNDER_THE_PARENT = """
import os, sys, time
from trainer_image.output.process import run_and_tell
def trainer():
{body}
run_and_tell(trainer)
"""


def order(nats_url: str, job: Any, attempt: int = 1) -> PodSpec:
    return PodSpec(job_id=job.job_id, workspace_id=job.workspace_id, attempt=attempt, pod_name=f"pod-a{attempt}",
                   nats_url=nats_url, base_model="none", hyperparameters=resolve("balanced"),
                   training_file_sha256="0" * 64, max_duration_s=60)


def program(body: str) -> str:
    """Of a trainer that does this."""
    return _UNDER_THE_PARENT.format(body=textwrap.indent(textwrap.dedent(body), "    "))


class SmallTrainer:
    """`spec` None: nobody to tell."""

    def __init__(self, folder: Path, body: str, spec: PodSpec | None = None, **variables: str) -> None:
        told = {"BRIGHTRUN_POD_SPEC": spec.model_dump_json()} if spec else {}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "BRIGHTRUN_WORK_DIR": str(folder / "work"), **told,
                       **variables}
        self.path = folder / "container.log"
        with self.path.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-c", program(body)], stdout=log, stderr=log,
                                            env=environment, cwd=ROOT, start_new_session=True)

    def printed(self) -> str:
        return self.path.read_text()

    async def until(self, condition: Callable[[], Any], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.printed()
            await asyncio.sleep(0.02)

    async def ended(self, seconds: float = 30.0) -> int:
        await self.until(lambda: self.process.poll() is not None, seconds)
        return int(self.process.returncode)
