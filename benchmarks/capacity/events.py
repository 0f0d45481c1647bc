"""One event from an outbox into its stream, and from there into an effect: with inbox, acknowledgement and all."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from nats.js import JetStreamContext
from sqlalchemy import insert

from benchmarks.capacity.processes import processor_s
from chassis.database.engine import Database
from stack.parts import NatsPart, PostgresPart
from tests.chassis.messaging.conftest import create_tables
from tests.chassis.messaging.pipe import EFFECTS, Pipe, eventually, job_event, raw_jetstream


def measure(events: int) -> dict[str, float]:
    """Every write on disk, as in production."""
    with tempfile.TemporaryDirectory(prefix="brightrun-bench-", ignore_cleanup_errors=True) as folder:
        postgres, nats = PostgresPart(Path(folder) / "pg"), NatsPart(Path(folder) / "nats")
        postgres.start()
        nats.start()
        try:
            return asyncio.run(_measure(postgres, nats, events))
        finally:
            nats.stop()
            postgres.stop()


async def _measure(postgres: PostgresPart, nats: NatsPart, events: int) -> dict[str, float]:
    pipe = await _pipe(postgres, nats, "capacity", 10)
    pids = {"postgres": postgres.pid or 0, "nats": nats.pid or 0}
    told = [job_event() for _ in range(events)]
    await pipe.say(*told)
    js = await raw_jetstream(nats.url)
    found = await _costs("relay", pids, events, pipe, _relay)
    stored = (await js.stream_info("JOBS")).state
    found |= {"stream_bytes_per_event": stored.bytes / stored.messages,
              "published_bytes_per_event": sum(len(event.to_bytes()) for event in told) / events}
    found |= await _costs("consumer", pids, events, pipe, _consume)
    await pipe.close()
    await js.delete_stream("JOBS")
    found |= await _with_one_connection(postgres, nats, events // 3, js)
    await js._nc.close()
    return found


async def _with_one_connection(
    postgres: PostgresPart, nats: NatsPart, events: int, js: JetStreamContext
) -> dict[str, float]:
    """How many transactions a second one connection carries: inbox, effect, commit on disk."""
    pipe = await _pipe(postgres, nats, "one_connection", 1)
    for event in (job_event() for _ in range(events)):
        await js.publish(event.subject, event.to_bytes())
    began = time.perf_counter()
    await _consume(pipe, events)
    seconds = time.perf_counter() - began
    await pipe.close()
    return {"one_connection_transactions_per_s_then": events / seconds}


async def _pipe(postgres: PostgresPart, nats: NatsPart, name: str, connections: int) -> Pipe:
    url = postgres.create_database(name)
    await create_tables(url)
    pipe = Pipe(nats.url, Database(url, pool_size=connections, max_overflow=0, pool_timeout_s=60))
    await pipe.apply_topology()
    return pipe


async def _costs(what: str, pids: dict[str, int], events: int, pipe: Pipe, work: Any) -> dict[str, float]:
    """Milliseconds of a core for one event, in the service's process and in the servers."""
    before = {name: processor_s(pid) for name, pid in pids.items()}
    began, own = time.perf_counter(), time.process_time()
    await work(pipe, events)
    seconds, own = time.perf_counter() - began, time.process_time() - own
    spent = {f"{what}_{name}_ms": 1000 * (processor_s(pid) - before[name]) / events for name, pid in pids.items()}
    return spent | {f"{what}_service_ms": 1000 * own / events, f"{what}_events_per_s_then": events / seconds}


async def _relay(pipe: Pipe, events: int) -> None:
    await pipe.relay(await pipe.bus())

    async def published() -> bool:
        return not await pipe.unpublished()

    await eventually(published, 600)


async def _consume(pipe: Pipe, events: int) -> None:
    done, handled = asyncio.Event(), 0

    async def handle(event: Any, tx: Any) -> None:
        nonlocal handled
        await tx.execute(insert(EFFECTS).values(event_id=event.id))
        handled += 1
        if handled == events:
            done.set()

    await pipe.bus(handle)
    await done.wait()
