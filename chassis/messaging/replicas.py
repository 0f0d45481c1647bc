"""On how many servers of NATS each stream is kept: one for an installation's size, not of the product."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from contracts.streams import StreamSpec

VARIABLE = "BRIGHTRUN_STREAM_REPLICAS"
# A stream goes on while more than half of its servers are there: an even number costs one more and bears none more.
_SENSIBLE = {"1": 1, "3": 3, "5": 5}


def stream_replicas(variables: Mapping[str, str] = os.environ) -> int:
    """As the variable says. Raises ValueError with what it takes."""
    wanted = variables.get(VARIABLE, "").strip() or "1"
    if wanted not in _SENSIBLE:
        raise ValueError(f"{VARIABLE} is {wanted!r}; it takes 1, 3 or 5: the number of servers that keep each stream")
    return _SENSIBLE[wanted]


def replicated(streams: Sequence[StreamSpec], replicas: int) -> tuple[StreamSpec, ...]:
    """The same streams on so many servers. Durables are kept wherever their stream is."""
    return tuple(replace(stream, replicas=replicas) for stream in streams)
