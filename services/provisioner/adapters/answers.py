"""What HTTP answers of any provider have in common."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

_SHORTEST_SECRET = 6
_DEFAULT_RETRY_S = 10.0


def retry_after_s(answer: httpx.Response) -> float:
    """Seconds to wait. Whole seconds are sent; anything else is taken for the default."""
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "")))
    except ValueError:
        return _DEFAULT_RETRY_S


def told_at(answer: httpx.Response) -> datetime:
    """When it was given, by the provider's clock; by ours where it does not say."""
    try:
        return parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
    except ValueError:
        return datetime.now(UTC)


def without_secrets(words: str, secrets: Mapping[str, str]) -> str:
    """A refusal may quote the request. A value that a person could guess is no secret and stays."""
    for value in sorted(secrets.values(), key=len, reverse=True):
        if len(value) >= _SHORTEST_SECRET:
            words = words.replace(value, "***")
    return words
