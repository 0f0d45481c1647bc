"""Short programs the stack runs while it starts: migrations and the first credentials."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stack.layout import ROOT, Layout
from stack.parts import Command
from stack.problems import StackError


class Child:
    """A program that runs beside the start-up and must succeed; it dies with this process."""

    def __init__(self, layout: Layout, name: str, module: str, arguments: list[str], environment: dict[str, str]):
        self.name, self.log = name, layout.logs / f"{name}.log"
        command = Command([sys.executable, "-m", module, *arguments])
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command.launched(os.getpid()),
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def done(self) -> bool:
        """Raises StackError when it failed."""
        code = self._process.poll()
        if code:
            raise StackError(f"{self.name} failed:\n{self._tail()}", f"The whole log: {self.log}")
        return code == 0

    def _tail(self, lines: int = 12) -> str:
        return "\n".join(Path(self.log).read_text(errors="replace").splitlines()[-lines:])


def migrate(layout: Layout, urls: dict[str, str]) -> Child:
    """All services' databases to their newest schema, in one process."""
    environment = {f"BRIGHTRUN_{name.upper()}_DATABASE_URL": url for name, url in urls.items()}
    packages = [f"services.{name}" for name in urls]
    if len(urls) == 1:
        environment["BRIGHTRUN_DATABASE_URL"] = next(iter(urls.values()))
    return Child(layout, "migrations", "chassis.migrate", packages, environment)


def bootstrap(layout: Layout, environment: dict[str, str]) -> Child:
    """Workspace, administrator and API key, written to credentials.json."""
    arguments = ["--out", str(layout.credentials_file)]
    return Child(layout, "bootstrap", "services.job_api.bootstrap", arguments, environment)
