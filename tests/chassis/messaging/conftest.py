"""Pipes over the shared servers, and over servers that may be killed."""

from collections.abc import AsyncIterator, Callable

import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.database.engine import Database
from stack.parts import NatsPart
from tests.chassis.messaging.pipe import METADATA, Pipe, raw_jetstream


async def create_tables(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    await engine.dispose()


@pytest_asyncio.fixture
async def pipe(nats: NatsPart, new_empty_database: Callable[[], str]) -> AsyncIterator[Pipe]:
    """Over the shared server, with an empty stream and durable."""
    js = await raw_jetstream(nats.url)
    for stream in await js.streams_info():
        await js.delete_stream(stream.config.name)
    await js._nc.close()
    url = new_empty_database()
    await create_tables(url)
    made = Pipe(nats.url, Database(url))
    await made.apply_topology()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def own_pipe(nats_server: NatsPart, new_empty_database: Callable[[], str]) -> AsyncIterator[Pipe]:
    """Over a NATS server of the test's own."""
    url = new_empty_database()
    await create_tables(url)
    made = Pipe(nats_server.url, Database(url))
    await made.apply_topology()
    yield made
    await made.close()
