"""What would make the installation or the first start fail, found before anything is downloaded.

    python -m stack.install.preflight

Each check returns what is wrong with the way out, or None. Only Python's own library is used.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

from stack.layout import ROOT, Layout
from stack.lock import holder
from stack.parts import Command
from stack.parts.postgres import UNPRIVILEGED_USER, what_root_keeps
from stack.ports import wanted_port
from stack.problems import StackError
from stack.state import REST_SERVICE, choose_ports

OLDEST_GLIBC, OLDEST_KERNEL = (2, 28), (5, 4)
# measured: 1.7 GB, in the environment and uv's cache together where both lie on one disk
ENVIRONMENT_GB, STATE_GB = 2.5, 1.0
# A colon ends a path in lists; initdb hands its own path to a shell in double quotes; Valkey expands wildcards in the
# name of its configuration; the rest means something in the supervisor's.
IMPOSSIBLE_IN_PATHS = ':;#%*?["$`\\\n'


def check_all(layout: Layout, environment: Path) -> None:
    """Raises StackError with everything that is wrong at once."""
    installed = (environment / "bin" / "python").exists()
    checks: list[Callable[[], StackError | None]] = [
        machine,
        lambda: path_is_usable(ROOT) or path_is_usable(layout.data),
        lambda: writable(environment, "the Python environment"),
        lambda: writable(layout.data, "the state"),
        lambda: owner(layout.data),
        lambda: programs_may_run(environment),
        lambda: None if installed else space(environment, ENVIRONMENT_GB, "the Python environment"),
        lambda: space(layout.data, STATE_GB, "the state"),
        lambda: None if installed else can_make_environments(),
        lambda: root_can_start_postgres(environment, layout.data),
    ]
    raise_all(problem for check in checks if (problem := check()))


def raise_all(problems: Iterable[StackError]) -> None:
    found = list(problems)
    if len(found) == 1:
        raise found[0]
    if found:
        raise StackError("\n".join(f"{problem}\n-> {problem.fix}" for problem in found))


def machine() -> StackError | None:
    here = f"{platform.system()} on {platform.machine()}"
    if here != "Linux on x86_64":
        fix = "Use such a machine, a virtual one, or WSL 2 on Windows."
        return StackError(f"Linux on x86-64 is needed, this is {here}.", fix)
    library, version = platform.libc_ver()
    if library != "glibc" or numbers(version) < OLDEST_GLIBC:
        fix = "Use Debian 10, Ubuntu 20.04, RHEL 8 or newer (Alpine's musl has no PyTorch)."
        return StackError(f"glibc 2.28 or newer is needed, this is {library or 'another libc'} {version}.", fix)
    if numbers(platform.release()) < OLDEST_KERNEL:
        return StackError(f"Linux 5.4 or newer is needed, this is {platform.release()}.", "Update the system.")
    return None


def numbers(version: str) -> tuple[int, ...]:
    """`6.18.44-x` -> (6, 18)."""
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in version.split(".")[:2])


def path_is_usable(path: Path) -> StackError | None:
    wrong = sorted({repr(character) for character in str(path) if character in IMPOSSIBLE_IN_PATHS})
    if not wrong:
        return None
    fix = "Move the checkout to a path without it, or set BRIGHTRUN_DATA_DIR to one."
    return StackError(f"{path} has {' and '.join(wrong)} in it, which the servers cannot read.", fix)


def writable(folder: Path, purpose: str) -> StackError | None:
    place = existing(folder)
    if os.access(place, os.W_OK | os.X_OK) and not os.statvfs(place).f_flag & os.ST_RDONLY:
        return None
    fix = (
        "Make it writable, or put both elsewhere: make demo VENV=/path/for/venv BRIGHTRUN_DATA_DIR=/path/for/state"
    )
    return StackError(f"{place} cannot be written by {user()}, so {purpose} has no place there.", fix)


def owner(data: Path) -> StackError | None:
    if not data.exists() or data.stat().st_uid == os.geteuid():
        return None
    fix = "Run as that user, or set BRIGHTRUN_DATA_DIR to a folder of your own."
    return StackError(f"{data} belongs to {user(data.stat().st_uid)}, and you are {user()}.", fix)


def programs_may_run(environment: Path) -> StackError | None:
    place = existing(environment)
    if not os.statvfs(place).f_flag & os.ST_NOEXEC:
        return None
    fix = "Move the checkout, or put the environment elsewhere: make demo VENV=/path/for/venv"
    return StackError(f"{place} is mounted without the right to run programs (noexec).", fix)


def space(folder: Path, needed_gb: float, purpose: str) -> StackError | None:
    free_gb = shutil.disk_usage(existing(folder)).free / 1e9
    if free_gb >= needed_gb:
        return None
    text = f"{existing(folder)} has {free_gb:.1f} GB free; {purpose} needs {needed_gb:g} GB."
    return StackError(text, "Free some, or choose another disk by VENV=/path or BRIGHTRUN_DATA_DIR=/path.")


def can_make_environments() -> StackError | None:
    if find_spec("venv") and find_spec("ensurepip"):
        return None
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    fix = f"Debian, Ubuntu: apt install python{version}-venv"
    return StackError(f"Python {version} here cannot make virtual environments.", fix)


def root_can_start_postgres(environment: Path, data: Path) -> StackError | None:
    """Tries what the first start will do: become another user who still gets at these folders."""
    if os.geteuid() != 0:
        return None
    places = [existing(environment), existing(data)]
    try:
        keep = what_root_keeps(programs_will_be_open(), *places)
    except KeyError:
        keep = ""  # no such user: the launcher says so
    argv = ["/bin/sh", "-c", 'cd "$0" && cd "$1"', *map(str, places)]
    launched = Command(argv, user=UNPRIVILEGED_USER, keep=keep).launched(os.getpid())
    done = subprocess.run(launched, capture_output=True, text=True, cwd="/")
    if done.returncode == 0:
        return None
    fix = (
        "Run as an ordinary user (useradd --create-home brightrun; su - brightrun), or move the checkout to a folder "
        "that every user may enter, such as /srv."
    )
    text = "You are root, PostgreSQL never runs as root, and no other user can be used"
    return StackError(f"{text}: {reason(done)}", fix)


def reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit status {done.returncode}"


def programs_will_be_open() -> bool:
    """Whether what is installed now can be started by others."""
    os.umask(umask := os.umask(0o077))
    return not umask & 0o005


def port(layout: Layout) -> StackError | None:
    """The REST port, where no stack of this folder holds it."""
    if holder(layout.lock):
        return None
    try:
        host = os.environ.get("BRIGHTRUN_HOST") or "127.0.0.1"
        choose_ports(layout, [REST_SERVICE], wanted_port=wanted_port(), host=host)
    except StackError as problem:
        return problem
    return None


def existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there already."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def user(number: int | None = None) -> str:
    import pwd

    uid = os.geteuid() if number is None else number
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
