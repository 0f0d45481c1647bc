"""What one JSON document says and another does not."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any


def lost(before: str | bytes, after: str | bytes) -> list[str]:
    """Paths of what was said before and is missing or different after; additions do not count."""
    return sorted(_lost(json.loads(before), json.loads(after), ""))


def _lost(before: Any, after: Any, path: str) -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        return [found for name, value in before.items()
                for found in _lost(value, after.get(name), f"{path}.{name}" if path else name)]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [found for number, value in enumerate(before)
                for found in _lost(value, after[number], f"{path}[{number}]")]
    return [] if _same(before, after) else [path]


def _same(before: Any, after: Any) -> bool:
    """A moment is the same in another notation."""
    if isinstance(before, str) and isinstance(after, str) and before != after:
        try:
            return datetime.fromisoformat(before) == datetime.fromisoformat(after)
        except ValueError:
            return False
    return bool(before == after)
