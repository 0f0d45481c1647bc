"""Ending tasks for certain."""

import asyncio
from typing import Any


async def cancel_and_wait(*tasks: "asyncio.Task[Any]", again_after_s: float = 1.0) -> None:
    """Cancel tasks and wait until they have ended, asking again every `again_after_s`.

    Once is not enough in Python 3.11: `asyncio.wait_for` swallows a cancellation that arrives together with the
    result it waits for (python/cpython#86296), and nats-py waits like this for every message and answer.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again_after_s)
