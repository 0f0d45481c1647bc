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
from contracts.local_base_model import SHIPPED_BASE_MODEL
from ops.backup.errors import BackupError
from stack.layout import ROOT, Layout
from stack.orphans import family, kill_all
from stack.parts import FakeRunPodPart, free_port
from stack.supervision import Supervision

SAMPLE = ROOT / "examples" / "sample.json"


class ThrowAway:
    """`data` is its state, `repository` where its backups go. With a `cloud` it rents its machines there."""

    def __init__(self, folder: Path, cloud: Cloud | None = None) -> None:
        self.folder, self.data, self.repository = folder, folder / "data", folder / "repository"
        self.layout, self.cloud = Layout(self.data.resolve()), cloud
        without = {name: value for name, value in os.environ.items() if not name.startswith("BRIGHTRUN")}
        self.environment = without | {
            "BRIGHTRUN_DATA_DIR": str(self.data), "BRIGHTRUN_PORT": str(free_port()), "PYTHONPATH": str(ROOT),
            "BRIGHTRUN_BACKUP_TO": str(self.repository), "BRIGHTRUN_MAX_ACTIVE_JOBS_PER_USER": "0",
            "BRIGHTRUN_MAX_ACTIVE_JOBS_PER_WORKSPACE": "0", "BRIGHTRUN_CHECKPOINT_EVERY_STEPS": "2"} | (
                cloud.environment() if cloud else {})

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
        killed = kill_all([*family(reaper or 0), *_living_in(self.data)])
        shutil.rmtree(self.data)
        return killed

    def remove(self) -> None:
        if self.layout.data.exists():
            self.command("stack", "down")
        if self.cloud:
            self.cloud.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Cloud:
    """Machines elsewhere, that do not go with the installation: the RunPod of the tests."""

    def __init__(self, folder: Path) -> None:
        self.machines_dir = folder.resolve() / "machines"
        environment = {"PYTHONPATH": str(ROOT), "BRIGHTRUN_BASE_MODEL_DIR": str(SHIPPED_BASE_MODEL)}
        self._part = FakeRunPodPart(folder / "cloud", pods_dir=self.machines_dir, environment=environment)

    def open(self) -> None:
        self._part.start()

    def close(self) -> None:
        self._part.stop()

    def environment(self) -> dict[str, str]:
        self._part.prepare()
        return self._part.service_environment() | {"BASE_MODEL": str(SHIPPED_BASE_MODEL)}

    def machines(self) -> int:
        """How many run: each is a trainer's process."""
        return len(_living_in(self.machines_dir))


def _living_in(folder: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _lives_in(process, folder)]


def _lives_in(process: psutil.Process, data: Path) -> bool:
    try:
        return process.environ().get("BRIGHTRUN_WORK_DIR", "").startswith(str(data))
    except (psutil.Error, OSError):
        return False
