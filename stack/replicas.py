"""How many processes there are of each service, and what they are called: `job_api` alone, `job_api-1`, `job_api-2`."""

from __future__ import annotations

import os

from stack.problems import StackError

VARIABLE = "BRIGHTRUN_REPLICAS"
# More of everything than two cores can hold is a mistake in typing.
MOST = 8


def wanted_replicas() -> int:
    """What BRIGHTRUN_REPLICAS says; 1 where it says nothing. Raises StackError."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return 1
    if not text.isdigit() or not 0 < int(text) <= MOST:
        raise StackError(f"{VARIABLE}={text} is no number of replicas.", f"Give a number from 1 to {MOST}.")
    return int(text)


def replica_names(service: str, count: int) -> tuple[str, ...]:
    """The same for the same count at every start: ports and logs go by them."""
    return (service,) if count == 1 else tuple(f"{service}-{number}" for number in range(1, count + 1))


def service_of(name: str) -> str:
    """The service that a program is a replica of; any other name as it is."""
    service, dash, number = name.rpartition("-")
    return service if dash and number.isdigit() else name
