"""Start the stack in a folder of its own, use it as a user does, look into it as nobody else may."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from brightrun.client import Client
from brightrun.credentials import Credentials
from brightrun.models import Job
from stack.parts import free_port

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "sample.json"
_AFTERMATH_S = 30.0


class StackUnderTest:
    def __init__(self, data: Path) -> None:
        self.data = data
        settings = {"BRIGHTRUN_DATA_DIR": str(data), "BRIGHTRUN_PORT": str(free_port()), "PYTHONPATH": str(ROOT),
                    # jobs of a test run side by side
                    "BRIGHTRUN_MAX_ACTIVE_JOBS_PER_USER": "0", "BRIGHTRUN_MAX_ACTIVE_JOBS_PER_WORKSPACE": "0"}
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("BRIGHTRUN")
        } | settings

    def command(self, module: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=self.environment,
            cwd=ROOT,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{module} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        return done

    def up(self) -> None:
        self.command("stack", "up")

    def down(self) -> None:
        self.command("stack", "down")

    def client(self) -> Client:
        document = json.loads((self.data / "credentials.json").read_text())
        return Client(Credentials(document["url"], document["api_key"]))

    def programs(self) -> dict[str, dict[str, Any]]:
        done = self.command("stack", "status", "--json", check=False)
        return {row["name"]: row for row in json.loads(done.stdout).get("programs", [])}

    def kill_program(self, name: str) -> int:
        """kill -9 of a program's own process; its pid."""
        pid = int(self.programs()[name]["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def trainers(self, job_id: str) -> list[psutil.Process]:
        """The trainer processes of a job that live now."""
        found = []
        for process in psutil.process_iter(["pid", "cmdline"]):
            try:
                command = process.info["cmdline"] or []
                if "trainer_image" in command and job_id in process.environ().get("BRIGHTRUN_POD_SPEC", ""):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def query(self, service: str, sql: str) -> list[dict[str, Any]]:
        """Rows of a service's own database, read with that service's role."""
        import asyncio

        import asyncpg

        async def read() -> list[dict[str, Any]]:
            passwords = json.loads((self.data / "secrets.json").read_text())["databases"]
            port = json.loads((self.data / "stack.json").read_text())["ports"]["postgres"]
            connection = await asyncpg.connect(
                host="127.0.0.1", port=port, user=service, database=service, password=passwords[service]
            )
            try:
                return [dict(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run(read())

    def start_job(self, file: Path = SAMPLE, **choice: Any) -> Job:
        with self.client() as client:
            uploaded = client.upload(file)
            return client.create_job(uploaded.id, start=True, name=f"Test of {file.name}", **choice)

    def job(self, job_id: str) -> Job:
        with self.client() as client:
            return client.job(job_id)

    def wait_for(self, job_id: str, condition: Callable[[Job], bool], timeout_s: float = 240.0) -> Job:
        """The job, once the condition holds; an AssertionError with its last events otherwise."""
        deadline = time.monotonic() + timeout_s
        job, ended_at = None, 0.0
        while time.monotonic() < deadline:
            try:
                job = self.job(job_id)
            except Exception:  # the API itself may be the part that was killed
                time.sleep(0.3)
                continue
            if condition(job):
                return job
            # What other services say about a job follows its end within seconds; longer, and it will never be.
            ended_at = ended_at or (time.monotonic() if job.has_ended else 0.0)
            if ended_at and time.monotonic() - ended_at > _AFTERMATH_S:
                break
            time.sleep(0.2)
        raise AssertionError(
            f"the job never got there; it is {job.status if job else 'unknown'}:\n{self.story(job_id)}"
        )

    def story(self, job_id: str) -> str:
        with self.client() as client:
            events = list(client.all_events(job_id))
        return "\n".join(
            f"{event['seq']:4} {event['occurred_at']} {event['type']:24} {event['message']}" for event in events
        )
