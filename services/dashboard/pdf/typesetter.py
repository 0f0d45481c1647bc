"""Documents, each set by a process of its own: it knows no secret, reads no file but the template, and is ended when it
takes too long, so that no page waits for it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

_HERE = Path(__file__).parent
_PROGRAM = _HERE / "compile.py"


class NotTypeset(Exception):
    """The program failed, or took too long."""


class TooBusy(Exception):
    """So many documents are being made that this one has waited long enough."""


class Typesetter:
    """`limit_s`: of one document. `at_once`: so many documents; another one waits `patience_s` for its turn."""

    def __init__(self, *, limit_s: float = 20.0, at_once: int = 2, patience_s: float = 10.0) -> None:
        self._limit_s, self._patience_s = limit_s, patience_s
        self._turn = BoundedSemaphore(at_once)

    def pdf(self, template: str, data: dict[str, Any]) -> bytes:
        """Raises NotTypeset, TooBusy. `data` reaches the template as it is: none of it is ever read as markup."""
        if not self._turn.acquire(timeout=self._patience_s):
            raise TooBusy("Several documents are being made just now.")
        try:
            return self._run(_HERE / template, json.dumps(data).encode())
        finally:
            self._turn.release()

    def _run(self, template: Path, data: bytes) -> bytes:
        # -I: neither the environment nor the working directory says what is imported.
        command = [sys.executable, "-I", str(_PROGRAM), str(template)]
        environment = {"PATH": os.defpath, "RAYON_NUM_THREADS": "2", "MALLOC_ARENA_MAX": "2"}
        try:
            done = subprocess.run(command, input=data, capture_output=True, timeout=self._limit_s, env=environment)
        except subprocess.TimeoutExpired:
            raise NotTypeset(f"It took more than {self._limit_s:g} s.") from None
        if done.returncode != 0:
            raise NotTypeset(f"The typesetter ended with {done.returncode}.")
        return done.stdout
