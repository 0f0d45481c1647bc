"""The running service, and what a test sees of it from outside."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest_asyncio

from chassis.messaging.bus import Bus
from contracts.events import ValidationUpdated
from contracts.registry import parse_event
from services.validator.app import build_runtime
from services.validator.settings import Settings
from tests.fixtures.waiting import tries


@pytest_asyncio.fixture
async def validator(fresh_database, settings_for, topology):
    database = await fresh_database("services.validator")
    runtime = build_runtime(Settings(**settings_for("validator", database_url=database.url)))
    async with runtime.lifespan():
        yield runtime


@pytest_asyncio.fixture
async def caller(settings_for, topology):
    bus = Bus(Settings(**settings_for("job_api")))
    await bus.start()
    yield bus
    await bus.stop()


@pytest_asyncio.fixture
async def verdicts(jetstream) -> Callable[[int], Awaitable[list[ValidationUpdated]]]:
    """`await verdicts(2)`: all that was said, once it is at least two."""

    async def said(count: int) -> list[ValidationUpdated]:
        async def enough() -> int | None:
            messages = (await jetstream.stream_info("VALIDATION")).state.messages
            return messages if messages >= count else None

        last = await until(enough)
        return [parse_event((await jetstream.get_msg("VALIDATION", n)).data).data for n in range(1, last + 1)]

    return said


async def until(answer: Callable[[], Awaitable[Any]]) -> Any:
    """The first answer that is not None, within a minute."""
    async for _ in tries():
        if (found := await answer()) is not None:
            return found
    raise AssertionError("it never happened")
