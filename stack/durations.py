"""How long each step took the last time on this machine; a clone made tomorrow knows it too."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Durations:
    """Seconds by step. What cannot be read or written is no reason to stop: the stated defaults count then."""

    path: Path

    @classmethod
    def of_this_machine(cls) -> Durations:
        """In the user's cache: a home may be shared by machines of different speed."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cls(cache / "brightrun" / f"durations-{platform.node() or 'here'}.json")

    def expected(self, step: str, default: float) -> float:
        seconds = self._read().get(step)
        return float(seconds) if isinstance(seconds, int | float) and seconds >= 0 else default

    def remember(self, step: str, seconds: float) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self._read() | {step: round(seconds, 1)}))
        except OSError:
            return

    def _read(self) -> dict[str, object]:
        try:
            document = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}
