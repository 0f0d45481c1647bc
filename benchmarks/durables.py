"""Messages/s of one durable with real NATS and PostgreSQL, beside a bare loop: `python -m benchmarks.durables`.

The bare loop does the same for a message - the inbox row and the effect in one transaction, then the ack - with nats-py
and asyncpg and nothing else: no retries, no dead letters, no metrics, no traces, nothing that survives an outage. Both
run in turns in one process; the ratio is what counts.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import insert

from chassis.database.engine import Database
from contracts.registry import parse_event
from stack.parts import NatsPart, PostgresPart
from tests.chassis.messaging.conftest import create_tables
from tests.chassis.messaging.pipe import CONSUMER, EFFECTS, Pipe, job_event, raw_jetstream

MESSAGES, TURNS, CONCURRENCY = 2_000, 3, 8


def main() -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        postgres = PostgresPart(Path(folder) / "pg", durable=False)
        nats = NatsPart(Path(folder) / "nats", durable=False)
        postgres.start()
        nats.start()
        try:
            figures = asyncio.run(_measure(postgres, nats))
        finally:
            nats.stop()
            postgres.stop()
    for name, value in figures.items():
        print(f"{name:28} {value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures))
    return figures


async def _measure(postgres: PostgresPart, nats: NatsPart) -> dict[str, float]:
    durable, bare = [], []
    for turn in range(TURNS):
        durable.append(await _turn(postgres, nats, f"durable_{turn}", _durable))
        bare.append(await _turn(postgres, nats, f"bare_{turn}", _bare))
    best = {"durable_messages_per_s": max(durable), "bare_loop_messages_per_s": max(bare)}
    return best | {"durable_to_bare_ratio": max(durable) / max(bare)}


async def _turn(
    postgres: PostgresPart, nats: NatsPart, name: str, consume: Callable[[Pipe, asyncio.Event], Awaitable[None]]
) -> float:
    """Messages/s from the first fetch to the last commit."""
    url = postgres.create_database(name)
    await create_tables(url)
    pipe = Pipe(nats.url, Database(url))
    pipe.consumer = replace(CONSUMER, ack_wait_s=30.0, max_ack_pending=256, batch_size=32)
    js = await raw_jetstream(nats.url)
    for stream in await js.streams_info():
        await js.delete_stream(stream.config.name)
    await pipe.apply_topology()
    for _ in range(MESSAGES):
        event = job_event()
        await js._nc.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": str(event.id)})
    await js._nc.flush()
    done, began = asyncio.Event(), time.perf_counter()
    await consume(pipe, done)
    await done.wait()
    rate = MESSAGES / (time.perf_counter() - began)
    await js._nc.close()
    await pipe.close()
    return rate


async def _durable(pipe: Pipe, done: asyncio.Event) -> None:
    handled = 0

    async def handle(event: Any, tx: Any) -> None:
        nonlocal handled
        await tx.execute(insert(EFFECTS).values(event_id=event.id))
        handled += 1
        if handled == MESSAGES:
            done.set()

    await pipe.bus(handle)


async def _bare(pipe: Pipe, done: asyncio.Event) -> None:
    pool = await asyncpg.create_pool(pipe.database.url.replace("+asyncpg", ""), min_size=CONCURRENCY)
    js = await raw_jetstream(pipe.nats_url)
    subscription = await js.pull_subscribe_bind(consumer=pipe.consumer.durable, stream=pipe.consumer.stream)
    slots = asyncio.Semaphore(CONCURRENCY)

    async def handle(message: Any) -> None:
        async with slots, pool.acquire() as connection, connection.transaction():
            event = parse_event(message.data)
            taken = "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
            if await connection.execute(taken, pipe.consumer.durable, event.id) == "INSERT 0 1":
                await connection.execute("INSERT INTO effects (event_id) VALUES ($1)", event.id)
        await message.ack()

    handled = 0
    while handled < MESSAGES:
        messages = await subscription.fetch(32, timeout=5)
        await asyncio.gather(*map(handle, messages))
        handled += len(messages)
    done.set()
    await js._nc.close()
    await pool.close()


if __name__ == "__main__":
    main()
