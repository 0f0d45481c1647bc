"""Secrets that must not reach a log, an error document or a span: recognised by their form or by their name."""

import re
from collections.abc import Mapping
from typing import Any

from contracts.redaction import HIDDEN, redact

__all__ = ["HIDDEN", "redact", "redact_value"]

_SECRET_NAMES = re.compile(
    r"(?i)(authorization|cookie|password|passwd|secret|api[_-]?key$|access[_-]?key|private[_-]?key|(^|_)seed$"
    r"|credential|(^|_)token$|(^|_)jwt$|webhook[_-]?url)"
)
# `seed` alone is the training seed of a job; NATS seeds are recognised by their form.
_HARMLESS_NAMES = frozenset({"seed"})


def redact_value(value: Any) -> Any:
    """`redact` for nested values; whatever stands under a name such as `password` is hidden completely."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {str(name): _redact_item(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _redact_item(name: str, item: Any) -> Any:
    if item and name.lower() not in _HARMLESS_NAMES and _SECRET_NAMES.search(name):
        return HIDDEN
    return redact_value(item)
