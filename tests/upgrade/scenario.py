"""What goes on in an installation whose state is captured; the test expects it under the next versions."""

from __future__ import annotations

import asyncio
import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import httpx
import psutil

from brightrun.client import Client
from stack.layout import Layout
from stack.orphans import family, kill_all
from stack.supervision import Supervision
from tests.system.stack_under_test import StackUnderTest
from tests.upgrade.broker import publish

BUDGET_MICRO_USD = 250_000_000
# Weights of a few hundred kilobytes: they are what an archive consists of.
_SMALL = {"lora_rank": 4}
_EVENTS = ("id", "seq", "type", "message")


class OtherCheckout(StackUnderTest):
    """A stack of another version, spoken to over REST."""

    def __init__(self, data: Path, checkout: Path) -> None:
        super().__init__(data)
        self.checkout = checkout
        self.environment |= {"PYTHONPATH": str(checkout), "BRIGHTRUN_CHECKPOINT_EVERY_STEPS": "2",
                             "BRIGHTRUN_CHECKPOINTS_KEPT": "1"}

    def command(self, module: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", module, *arguments], env=self.environment, cwd=self.checkout,
                              text=True, capture_output=True, stdin=subprocess.DEVNULL, check=check)

    def cut_the_power(self) -> None:
        everything = family(Supervision(Layout(self.data.resolve())).reaper_pid() or 0)
        pods = [process for process in psutil.process_iter() if _is_pod_of(process, self.data)]
        kill_all([*everything, *pods])


def _is_pod_of(process: psutil.Process, data: Path) -> bool:
    try:
        return process.environ().get("BRIGHTRUN_WORK_DIR", "").startswith(str(data))
    except (psutil.Error, OSError):
        return False


def play(stack: OtherCheckout) -> dict[str, Any]:
    """What clients were shown at the end, by job name; the power is cut then."""
    stack.up()
    finished = stack.start_job(hyperparameters={"num_epochs": 1, **_SMALL})
    stack.wait_for(finished.id, lambda job: job.status == "completed" and job.cost_is_final)
    given_up = stack.start_job(hyperparameters={"num_epochs": 20, **_SMALL})
    stack.wait_for(given_up.id, lambda job: job.status == "training")
    with stack.client() as client:
        client.cancel(given_up.id)
        client.http.json("PUT", "/api/training/budget", json={"limit": BUDGET_MICRO_USD / 1e6})
        key = client.http.json("POST", "/api/training/api-keys", json={"name": "revoked", "roles": ["analyst"]})
        client.http.json("DELETE", f"/api/training/api-keys/{key['id']}")
        waiting = client.create_job(client.upload(Path("examples/sample.json").resolve()).id, name="waiting")
    stack.wait_for(given_up.id, lambda job: job.cost_is_final)
    asyncio.run(publish(stack.data, f"cost.updated.{finished.id}", b"not an event"))
    cut_off = stack.start_job(hyperparameters={"num_epochs": 12, **_SMALL})
    stack.wait_for(cut_off.id, lambda job: job.has_ended or _has_checkpoint(stack, job.id))
    names = {"finished": finished.id, "given up": given_up.id, "waiting": waiting.id, "cut off": cut_off.id}
    with stack.client() as client:
        shown = {name: _shown(client, job_id) for name, job_id in names.items()}
        shown["budget"] = client.budget()
        shown["dead letters"] = len(client.dead_letters().data)
    stack.cut_the_power()
    return shown


def _has_checkpoint(stack: StackUnderTest, job_id: str) -> bool:
    with stack.client() as client:
        return bool(client.events(job_id, type="checkpoint.saved").data)


def _shown(client: Client, job_id: str) -> dict[str, Any]:
    job = client.http.json("GET", f"/api/training/jobs/{job_id}")
    events = [{name: event[name] for name in _EVENTS} for event in client.all_events(job_id)]
    return {"job": job, "events": events, "adapter": adapter_of(client, job_id) if job["status"] == "completed" else ""}


def adapter_of(client: Client, job_id: str) -> str:
    """The hash of the delivered weights; what is told about them may differ between versions."""
    content = httpx.get(client.adapter_download(job_id).url, timeout=60).raise_for_status().content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("adapter_model.safetensors")]
        return hashlib.sha256(archive.read(name)).hexdigest()


