"""One image of this checkout, with this machine's places for packages and certificates."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from stack.images.engine import Engine
from stack.install.pip_settings import PipSettings
from stack.layout import ROOT

_CERTIFICATES = "/run/certificates.crt"


@dataclass(frozen=True)
class Build:
    """`base` empty: the Dockerfile's own. `target` empty: its last stage."""

    dockerfile: Path
    tag: str
    base: str = ""
    target: str = ""
    arguments: dict[str, str] = field(default_factory=dict)


def build(engine: Engine, wanted: Build) -> None:
    """Raises StackError."""
    arguments = wanted.arguments | ({"BASE": wanted.base} if wanted.base else {})
    # Not in the Dockerfile: they would undo its cache with every commit, and buildah 1.28 takes old ones from it.
    labels = {"version": _version(), "revision": _git("rev-parse", "HEAD"),
              "created": _git("log", "-1", "--format=%cI")} | ({"base.name": wanted.base} if wanted.base else {})
    target = ["--target", wanted.target] if wanted.target else []
    engine.run("build", "--network", "host", "--file", str(wanted.dockerfile), "--tag", wanted.tag, *target,
               *_labels(labels), *_build_arguments(arguments), *_places(engine), str(ROOT))


def _labels(values: dict[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in ("--label", f"org.opencontainers.image.{name}={value}")]


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


def _version() -> str:
    [version] = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    return version


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=False, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
