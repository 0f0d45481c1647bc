"""The log of a job: kinds of entries to filter by, and each kind's colour beside its word."""

from typing import Any

from contracts.registry import EVENTS

# By the first word of a type: title and tone.
KINDS = {
    "job": ("Job", "blue"), "pod": ("Machine", "azure"), "training": ("Training", "green"),
    "checkpoint": ("Checkpoint", "secondary"), "evaluation": ("Evaluation", "green"), "cost": ("Cost", "orange"),
    "validation": ("Proof", "green"),
}
_LEVELS = {"error": "red", "warning": "yellow"}


def filters() -> dict[str, str]:
    """What the API is asked for -> title: all types of a kind, with commas between."""
    types = [spec.type.removeprefix("brightrun.").rsplit(".", 1)[0] for spec in EVENTS]
    return {",".join(name for name in types if name.startswith(f"{kind}.")): title
            for kind, (title, _) in KINDS.items()}


def tone(entry: dict[str, Any]) -> str:
    """What is wrong stands out; all else has the colour of its kind."""
    _, usual = KINDS.get(entry["type"].split(".", 1)[0], ("", "blue"))
    return _LEVELS.get(entry["level"], usual)
