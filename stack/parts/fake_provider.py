"""A provider without machines: its API over HTTP, and trainer processes of this machine as its machines.

It lives with the tests (`tests/fake_<name>`) and is started as a program of its own: nothing here imports it.
"""

from __future__ import annotations

import secrets
import sys
from abc import ABC, abstractmethod
from pathlib import Path

from stack.parts.process import LOOPBACK, Command, Part, PartError
from stack.private_files import write_private

_TESTS = Path(__file__).parents[2] / "tests"


class FakeProviderPart(Part, ABC):
    """`pods_dir` holds its machines' folders. They end with it. Subclasses say which provider it is: by `name` its
    program and package in `tests`, what that calls the caller's secret, and what makes the services rent there."""

    title: str
    secret: str

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
    def secret_file(self) -> Path:
        return self.data_dir / self.secret

    def prepare(self) -> None:
        super().prepare()
        if not (_TESTS / self.name / "__main__.py").exists():
            raise PartError(f"The fake {self.title} belongs to the tests of the repository, which are not here.")
        if not self.secret_file.exists():
            write_private(self.secret_file, secrets.token_hex(24))

    def command(self) -> Command:
        return Command([
            sys.executable, "-m", f"tests.{self.name}", "--port", str(self.port), "--folder", str(self.pods_dir),
            f"--{self.secret}-file", str(self.secret_file), "--", sys.executable, "-m", "trainer_image"],
            self.environment)

    @abstractmethod
    def service_environment(self) -> dict[str, str]:
        """What makes the services rent their machines there."""
