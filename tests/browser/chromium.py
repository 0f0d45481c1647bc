"""python -m tests.browser.chromium: a browser for the tests, installed where that is possible, else said.

Debian's own package: it comes from the place where the system's other packages come from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
VARIABLE = "BRIGHTRUN_CHROMIUM"
MISSING = ("No browser was found: the tests of the web page in a browser are left out. "
           f"Install chromium (apt-get install chromium), or name a program in {VARIABLE}.")


def program() -> str | None:
    """The browser's path."""
    return os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, NAMES)), None)


def install() -> bool:
    """Whether there is one now."""
    if program() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"],
                        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            with suppress(subprocess.TimeoutExpired, OSError):
                subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               check=False, timeout=180)
    return program() is not None


if __name__ == "__main__":
    if not install():
        print(MISSING, file=sys.stderr)
