"""One-shot jobs that start beside the servers they need: tried again until it works or the time is up."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

# sysexits.h: worth trying again. Anything else that is wrong ends with 1, a wrong command line with 2.
EXIT_NOT_THERE = 75
_AGAIN_AFTER_S = 0.5
T = TypeVar("T")


class NotThereYet(Exception):
    """What is needed is not there (yet); the text says what, where and why, without passwords."""


async def until_there(step: Callable[[], Awaitable[T]], wait_s: float) -> T:
    """The result of the first try that does not raise NotThereYet. At least one is made.

    Raises the last NotThereYet after `wait_s` seconds; any other exception at once.
    """
    deadline, told = time.monotonic() + wait_s, ""
    while True:
        try:
            return await step()
        except NotThereYet as error:
            if time.monotonic() + _AGAIN_AFTER_S > deadline:
                raise
            if str(error) != told:
                told = str(error)
                print(f"waiting: {told}", flush=True)
        await asyncio.sleep(_AGAIN_AFTER_S)


def run_job(job: Coroutine[Any, Any, None], wait_s: float) -> None:
    """The whole of a one-shot command: ends the process with EXIT_NOT_THERE and the reason when it had to give up."""
    try:
        asyncio.run(job)
    except NotThereYet as error:
        waited = f" after {wait_s:g} s" if wait_s else ""
        print(f"Given up{waited}: {error}", flush=True)
        raise SystemExit(EXIT_NOT_THERE) from None

