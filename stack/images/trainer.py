"""The trainer's image: `trainer_image/Dockerfile`, with this machine's places for packages and certificates."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from stack.images.engine import Engine
from stack.install.pip_settings import PipSettings
from stack.layout import ROOT
from stack.problems import StackError

DOCKERFILE = ROOT / "trainer_image" / "Dockerfile"
_CERTIFICATES = "/run/certificates.crt"
_NO_ORDER = 78


@dataclass(frozen=True)
class Build:
    """`base` empty: the Dockerfile's own, with CUDA. `torch`: cuda or cpu."""

    tag: str
    base: str = ""
    torch: str = "cuda"


def build(engine: Engine, wanted: Build) -> None:
    """Raises StackError."""
    labels = {"VERSION": _version(), "REVISION": _revision()}
    arguments = {"TORCH": wanted.torch, **labels, **({"BASE": wanted.base} if wanted.base else {})}
    engine.run("build", "--network", "host", "--file", str(DOCKERFILE), "--tag", wanted.tag,
               *_build_arguments(arguments), *_places(engine), str(ROOT))


def _build_arguments(values: dict[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in ("--build-arg", f"{name}={value}")]


def _places(engine: Engine) -> list[str]:
    """Where wheels and certificates lie on this machine: shown to the build, and in no layer of the image. Docker
    cannot show folders to a build: there the packages come from the main index alone."""
    settings = PipSettings.read(sys.executable)
    if not engine.takes_volumes_in_builds:
        return []
    folders = [path for path in settings.values.get("find-links", "").split() if Path(path).is_dir()]
    words = [word for path in folders for word in ("--volume", f"{path}:{path}:ro")]
    words += _build_arguments({"UV_FIND_LINKS": ",".join(folders)}) if folders else []
    if certificates := settings.values.get("cert"):
        words += ["--volume", f"{certificates}:{_CERTIFICATES}:ro"]
        words += _build_arguments({"PIP_CERT": _CERTIFICATES, "SSL_CERT_FILE": _CERTIFICATES})
    return words


def smoke_test(engine: Engine, tag: str) -> list[str]:
    """What was seen to hold. Raises StackError with what does not.

    Read-only, without network and rights: the trainer says what it lacks, its libraries load, it is no root.
    """
    locked = ("run", "--rm", "--read-only", "--network", "none", "--cap-drop", "all")
    without_order = engine.output(*locked, tag)
    if without_order.returncode != _NO_ORDER or "BRIGHTRUN_POD_SPEC" not in without_order.stderr:
        said = without_order.stderr[-2000:]
        raise StackError(f"{tag} without an order ended with {without_order.returncode}:\n{said}")
    libraries = engine.output(*locked, "--tmpfs", "/tmp", "--entrypoint", "python", tag, "-c", _LIBRARIES)  # noqa: S108
    if libraries.returncode != 0:
        raise StackError(f"{tag} cannot load its libraries:\n{libraries.stderr[-2000:]}")
    return ["without an order it says what is missing (exit 78)", libraries.stdout.strip()]


# Every module once: what a lock file forgot is missing here, not on a machine that is paid for.
_LIBRARIES = """
import importlib, os, pkgutil, sys
import torch, transformers, trl, contracts, trainer_image
for package in (contracts, trainer_image):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
assert os.getuid() != 0, "runs as root"
print(f"uid {os.getuid()}, torch {torch.__version__}, transformers {transformers.__version__}, trl {trl.__version__}")
"""


def _version() -> str:
    [version] = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    return version


def _revision() -> str:
    done = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], check=False, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
