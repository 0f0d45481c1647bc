"""A RunPod without machines: its API over HTTP, and trainer processes of this machine as its pods.

It lives with the tests (`tests/fake_runpod`) and is started as a program of its own: nothing here imports it.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from stack.parts.process import LOOPBACK, Command, Part, PartError
from stack.private_files import write_private
from stack.provider import FAKE_RUNPOD_PROGRAM

_MODULE = Path(__file__).parents[2] / "tests" / "fake_runpod" / "__main__.py"


class FakeRunPodPart(Part):
    """`pods_dir` holds its pods' folders. They end with it."""

    name = FAKE_RUNPOD_PROGRAM

    def __init__(
        self, data_dir: Path, port: int = 0, host: str = LOOPBACK, *, pods_dir: Path,
        environment: dict[str, str] | None = None,
    ) -> None:
        super().__init__(data_dir, port, host)
        self.pods_dir, self.environment = pods_dir, environment or {}

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def api_key_file(self) -> Path:
        return self.data_dir / "api-key"

    def prepare(self) -> None:
        super().prepare()
        if not _MODULE.exists():
            raise PartError("The fake RunPod belongs to the tests of the repository, which are not here.")
        if not self.api_key_file.exists():
            write_private(self.api_key_file, secrets.token_hex(24))

    def command(self) -> Command:
        return Command([
            sys.executable, "-m", "tests.fake_runpod", "--port", str(self.port), "--folder", str(self.pods_dir),
            "--api-key-file", str(self.api_key_file), "--", sys.executable, "-m", "trainer_image"], self.environment)

    def service_environment(self) -> dict[str, str]:
        """What makes the services rent their machines there. A reclaimed machine is to be seen at once."""
        return {
            "BRIGHTRUN_PROVIDER": "runpod",
            "BRIGHTRUN_RUNPOD_URL": self.url,
            "BRIGHTRUN_RUNPOD_API_KEY_FILE": str(self.api_key_file),
            "BRIGHTRUN_RUNPOD_IMAGE": "the-trainer-of-this-checkout",
            "BRIGHTRUN_RUNPOD_LOOK_EVERY_S": "1",
        }
