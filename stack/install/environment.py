"""The virtual environment: made, filled by uv with exactly the locked packages, and marked when it is complete."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

from stack.install.pip_settings import PipSettings
from stack.install.run import last_line, run
from stack.layout import ROOT
from stack.problems import StackError

REQUIREMENTS = ROOT / "requirements"
BUILDS = ("cpu", "cuda")


class Environment:
    """`build` is the build of torch: `cpu`, or `cuda` with several gigabytes of libraries."""

    def __init__(self, folder: Path, build: str = "cpu") -> None:
        if build not in BUILDS:
            raise StackError(f"TORCH={build} is no build of torch.", f"Choose one of: {', '.join(BUILDS)}.")
        self.folder, self.build = folder.absolute(), build
        self.python, self.mark = self.folder / "bin" / "python", self.folder / "complete.json"

    def complete(self) -> bool:
        """Whether it holds what the lock files of this checkout say, for this Python and this place."""
        try:
            return bool(json.loads(self.mark.read_text()) == self._wanted()) and self.python.exists()
        except (OSError, ValueError):
            return False

    def make(self) -> None:
        """An empty environment with uv, by the Python that runs this."""
        self.mark.unlink(missing_ok=True)
        if not self._has_this_python():
            shutil.rmtree(self.folder, ignore_errors=True)
            run([sys.executable, "-m", "venv", str(self.folder)])
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--require-hashes", "--requirement", str(REQUIREMENTS / "uv.lock")])

    def install_packages(self) -> None:
        """All locked packages, and none besides. The nats-server's package says that it needs Python 3.12, for a
        launcher that is never used; uv is told so."""
        self._uv("sync", "--require-hashes", *self._locks("development", "uv"))
        any_python = ("--no-deps", "--python-version", "3.12")
        self._uv("install", "--require-hashes", *any_python, *self._locks("nats-server", flag="--requirement"))
        self._uv("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))

    def install_torch(self) -> None:
        """The CPU build: one of a known hash where pip's settings offer it, else from PyTorch's own index, whose
        address uv knows. Raises StackError with the way out when there is none."""
        locked = self._locks(f"torch-{self.build}", flag="--requirement")
        if self.build == "cuda":
            # from the main index alone: a CPU build of the same version, offered beside it, would be preferred
            self._uv("install", "--no-deps", "--require-hashes", *locked, main_index_only=True)
            return
        try:
            self._uv("install", "--no-deps", "--require-hashes", *locked)
        except StackError:
            self._uv_from_pytorchs_index()

    def install_npm(self) -> None:
        """Node with its npm, where the system has none."""
        self._uv("install", "--no-deps", "--require-hashes", *self._locks("npm", flag="--requirement"))

    def finish(self) -> None:
        self.mark.write_text(json.dumps(self._wanted()))

    def _uv_from_pytorchs_index(self) -> None:
        [version] = re.findall(r"^torch==\S+", (REQUIREMENTS / "torch-cpu.lock").read_text(), re.MULTILINE)
        try:
            self._uv("install", "--no-deps", "--torch-backend", "cpu", version)
        except StackError as error:
            raise StackError(
                f"No CPU build of {version.removesuffix('+cpu')} for Python {sys.version_info.major}."
                f"{sys.version_info.minor} could be had:\n{last_line(str(error))}",
                "Let pip's find-links name a folder with the wheel, or take the CUDA build (several GB to download, "
                "runs without a GPU too): make setup TORCH=cuda",
            ) from error

    def _uv(self, action: str, *arguments: str, main_index_only: bool = False) -> None:
        settings = self._pip_settings
        places = settings.main_index() if main_index_only else settings.uv_options()
        target = ["--python", str(self.python), "--no-python-downloads"]
        command = [str(self.folder / "bin" / "uv"), "pip", action, *target, *places, *arguments]
        run(command, settings.uv_environment())

    @cached_property
    def _pip_settings(self) -> PipSettings:
        return PipSettings.read(self.python)

    def _locks(self, *names: str, flag: str = "") -> list[str]:
        paths = [str(REQUIREMENTS / f"{name}.lock") for name in names]
        return [word for path in paths for word in ((flag, path) if flag else (path,))]

    def _has_this_python(self) -> bool:
        if not self.python.exists():
            return False
        show = "import sys; print(sys.version_info[:2])"
        done = subprocess.run([str(self.python), "-c", show], capture_output=True, text=True)
        return done.stdout.strip() == str(sys.version_info[:2])

    def _wanted(self) -> dict[str, str]:
        locks = sorted(REQUIREMENTS.glob("*.lock"))
        digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in locks)).hexdigest()
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return {"locks": digest, "python": version, "torch": self.build, "checkout": str(ROOT)}
