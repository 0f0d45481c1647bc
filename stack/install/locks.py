"""python -m stack.install.locks [--check]: pyproject.toml's dependencies, resolved into files with hashes.

One resolution for Python 3.11 to 3.13 gives development.lock; every other file is a part of it. torch is taken out
of it, and what its CUDA build needs: which build an installation gets is decided there (see environment.py), so each
build has a file of its own. No file names an index: pip's own settings say where packages come from.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

from stack.install.pip_settings import PipSettings
from stack.layout import ROOT
from stack.problems import StackError

FOLDER = ROOT / "requirements"
DEVELOPMENT, TORCH_CPU, TORCH_CUDA = (FOLDER / f"{name}.lock" for name in ("development", "torch-cpu", "torch-cuda"))
UV, NATS_SERVER, NPM = (FOLDER / f"{name}.lock" for name in ("uv", "nats-server", "npm"))
CLIENT, SERVICES, OPS = FOLDER / "client.lock", FOLDER / "services.lock", FOLDER / "ops.lock"
TRAINER_IMAGE = ROOT / "trainer_image" / "requirements.txt"
ALL = (DEVELOPMENT, TORCH_CPU, TORCH_CUDA, UV, NATS_SERVER, NPM, CLIENT, SERVICES, OPS, TRAINER_IMAGE)

UNIVERSAL = ("--universal", "--python-version", "3.11")
IMAGE = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28")
NEW_ENOUGH_FOR_NATS_SERVER = ("--universal", "--python-version", "3.12", "--no-deps")
HASH = r"sha256:\w+"
MADE_FROM = "# Made by `make lock` from the dependencies in pyproject.toml, fingerprint "


def fingerprint() -> str:
    """Of everything that a resolution starts from; comments and other tables do not count."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = {key: document["project"].get(key) for key in ("requires-python", "dependencies")}
    inputs = json.dumps([project, document["dependency-groups"]], sort_keys=True)
    return hashlib.sha256(inputs.encode()).hexdigest()[:16]


def outdated() -> list[Path]:
    """Files that were made from other dependencies than pyproject.toml names now."""
    return [path for path in ALL if not path.exists() or not path.read_text().startswith(MADE_FROM + fingerprint())]


def write_all() -> None:
    """Newest versions that fit together. Raises StackError."""
    complete = compiled("--group", "development", *UNIVERSAL)
    write(DEVELOPMENT, only(complete, lambda name: not belongs_to_torch(name)))
    write(TORCH_CUDA, only(complete, belongs_to_torch))
    write(TORCH_CPU, cpu_build(complete))
    write(UV, compiled("--group", "uv", *UNIVERSAL))
    write(NATS_SERVER, compiled("--group", "nats-server", *NEW_ENOUGH_FOR_NATS_SERVER))
    write(NPM, compiled("--group", "npm", *UNIVERSAL))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write(complete)
        constraints.flush()
        same = ("--constraints", constraints.name)
        write(CLIENT, compiled("pyproject.toml", *UNIVERSAL, *same))
        write(SERVICES, compiled("--group", "services", *UNIVERSAL, *same))
        write(OPS, compiled("--group", "ops", *UNIVERSAL, *same))
        trainer = compiled("--group", "trainer", *IMAGE, *same)
        write(TRAINER_IMAGE, only(trainer, lambda name: not belongs_to_torch(name)))


def compiled(*arguments: str) -> str:
    """The index of pip's settings alone is asked: folders beside it may hold a few files of a release only."""
    done = uv_compile(*arguments, *PipSettings.read(sys.executable).main_index())
    if done.returncode != 0:
        raise StackError(f"uv could not resolve {' '.join(arguments)}:\n{done.stderr.strip()}")
    return done.stdout


def cpu_build(complete: str) -> str:
    """Hashes of the CPU build: of the wheel that pip gets here, and those of PyTorch's own index where reachable.

    Known hashes of the same version stay: no single place may have the wheels of all Pythons.
    """
    [torch] = re.findall(r"^torch==[\w.]+", complete, re.MULTILINE)
    wanted = f"{torch}+cpu"
    hashes = {*hashes_in(TORCH_CPU, wanted), *hash_here(wanted), *hashes_of_pytorchs_index(wanted)}
    if not hashes:
        raise StackError(f"No CPU build of {torch} was found.", "Run `make lock` where PyTorch's index is reachable.")
    return wanted + "".join(f" \\\n    --hash={found}" for found in sorted(hashes)) + "\n"


def hashes_in(path: Path, wanted: str) -> list[str]:
    text = path.read_text() if path.exists() else ""
    return re.findall(HASH, text) if wanted in text else []


def hash_here(wanted: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, wanted]
        subprocess.run(pip, capture_output=True)
        return [f"sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}" for wheel in Path(folder).iterdir()]


def hashes_of_pytorchs_index(wanted: str) -> list[str]:
    done = uv_compile("-", "--no-deps", *UNIVERSAL, "--torch-backend", "cpu", stdin=wanted)
    return re.findall(HASH, done.stdout)


def uv_compile(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("uv")
    options = ("--generate-hashes", "--no-header", "--no-annotate", "--no-config", "--quiet")
    return subprocess.run(
        [program, "pip", "compile", *arguments, *options], cwd=ROOT, input=stdin, text=True, capture_output=True
    )


def belongs_to_torch(name: str) -> bool:
    """torch itself, and what its CUDA build needs and its CPU build does not."""
    return name in ("torch", "triton") or (name.startswith(("nvidia-", "cuda-")) and name != "nvidia-ml-py")


def only(text: str, wanted: Callable[[str], bool]) -> str:
    """The requirements whose name is wanted, each with its hashes on the lines that follow."""
    requirements = re.findall(r"^\S.*\n(?:[ ].*\n)*", text, re.MULTILINE)
    return "".join(found for found in requirements if wanted(found.split("==")[0]))


def write(path: Path, text: str) -> None:
    path.write_text(f"{MADE_FROM}{fingerprint()}\n{text}")
    count = len(re.findall(r"^\S+==", text, re.MULTILINE))
    print(f"{path.relative_to(ROOT)}: {count} packages")


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        for path in (old := outdated()):
            print(f"{path.relative_to(ROOT)} is older than pyproject.toml -> make lock", file=sys.stderr)
        return 1 if old else 0
    try:
        write_all()
    except StackError as error:
        print(f"{error}\n{error.fix}".strip(), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
