"""Docker or podman, whichever is there."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from stack.problems import StackError

# Read-only, without network and rights: what an image needs beyond that, it has to be given.
LOCKED = ("run", "--rm", "--read-only", "--network", "none", "--cap-drop", "all", "--tmpfs", "/tmp")  # noqa: S108


@dataclass(frozen=True)
class Engine:
    program: str

    @classmethod
    def find(cls, wanted: str = "") -> Engine:
        """The one named, else the first that answers: Docker's client without its daemon is no engine.

        Raises StackError with the way out when there is none.
        """
        for program in [wanted] if wanted else ["docker", "podman"]:
            if shutil.which(program) and (engine := cls(program)).output("info").returncode == 0:
                return engine
        raise StackError(
            f"{wanted or 'Neither docker nor podman'} answers here.",
            "apt-get install podman netavark aardvark-dns iptables runc catatonit, or install and start Docker.")

    @property
    def takes_volumes_in_builds(self) -> bool:
        return "volume" in self.output("build", "--help").stdout

    def run(self, *arguments: str) -> None:
        """What it says goes to the terminal. Raises StackError."""
        if subprocess.run([self.program, *arguments], check=False).returncode != 0:
            raise StackError(f"{self.program} {arguments[0]} failed; its own words stand above.")

    def output(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.program, *arguments], check=False, capture_output=True, text=True)

    def python(self, image: str, program: str) -> str:
        """What the program prints in a locked container of the image. Raises StackError when it fails."""
        done = self.output(*LOCKED, "--entrypoint", "python", image, "-c", program)
        if done.returncode != 0:
            raise StackError(f"{image} cannot run what it should:\n{done.stderr[-2000:]}")
        return done.stdout.strip()
