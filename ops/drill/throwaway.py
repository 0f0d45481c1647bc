"""An installation that is made to be destroyed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from brightrun.client import Client
from brightrun.credentials import Credentials
from brightrun.models import Job
from ops.backup.errors import BackupError
from stack.layout import ROOT, Layout
from stack.orphans import family, kill_all
from stack.parts import free_port
from stack.supervision import Supervision

SAMPLE = ROOT / "examples" / "sample.json"


class ThrowAway:
    """`data` is its state, `repository` where its backups go. `settings`: more BRIGHTRUN_* variables."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        self.folder, self.data, self.repository = folder, folder / "data", folder / "repository"
        self.layout = Layout(self.data.resolve())
        without = {name: value for name, value in os.environ.items() if not name.startswith("BRIGHTRUN")}
        self.environment = without | {
            "BRIGHTRUN_DATA_DIR": str(self.data), "BRIGHTRUN_PORT": str(free_port()), "PYTHONPATH": str(ROOT),
            "BRIGHTRUN_BACKUP_TO": str(self.repository), "BRIGHTRUN_MAX_ACTIVE_JOBS_PER_USER": "0",
            "BRIGHTRUN_MAX_ACTIVE_JOBS_PER_WORKSPACE": "0", "BRIGHTRUN_CHECKPOINT_EVERY_STEPS": "2"} | (settings or {})

    def command(self, module: str, *arguments: str) -> str:
        """What it prints. Raises BackupError when it fails."""
        done = subprocess.run([sys.executable, "-m", module, *arguments], env=self.environment, cwd=ROOT, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            what = f"{module} {' '.join(arguments)}"
            raise BackupError(f"{what} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def client(self) -> Client:
        document = json.loads(self.layout.credentials_file.read_text())
        return Client(Credentials(document["url"], document["api_key"]))

    def start_job(self, name: str, epochs: int) -> str:
        with self.client() as client:
            uploaded = client.upload(SAMPLE)
            job = client.create_job(str(uploaded.id), start=True, name=name, hyperparameters={"num_epochs": epochs})
        return str(job.id)

    def job(self, job_id: str) -> Job:
        with self.client() as client:
            return client.job(job_id)

    def wait_for(self, job_id: str, condition: Callable[[Job], bool], timeout_s: float = 300.0) -> Job:
        """Raises BackupError with what became of it when it never gets there."""
        deadline = time.monotonic() + timeout_s
        job = self.job(job_id)
        while not condition(job):
            if time.monotonic() > deadline:
                raise BackupError(f"The job {job.name} is {job.status}, step {job.current_step}: it never got there.")
            time.sleep(0.3)
            job = self.job(job_id)
        return job

    def destroy(self) -> list[str]:
        """Power off: every process at once, then all state. The names of what was killed."""
        reaper = Supervision(self.layout).reaper_pid()
        trainers = [process for process in psutil.process_iter() if _lives_in(process, self.data)]
        killed = kill_all([*family(reaper or 0), *trainers])
        shutil.rmtree(self.data)
        return killed

    def remove(self) -> None:
        if self.layout.data.exists():
            self.command("stack", "down")
        shutil.rmtree(self.folder, ignore_errors=True)


def _lives_in(process: psutil.Process, data: Path) -> bool:
    try:
        return process.environ().get("BRIGHTRUN_WORK_DIR", "").startswith(str(data))
    except (psutil.Error, OSError):
        return False
