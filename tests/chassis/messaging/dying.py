"""A service that dies (-9) whenever it handles one certain event:
`python -m tests.chassis.messaging.dying "events" NATS DB EVENT_ID`. Ends with 0 when nothing is left to do."""

import asyncio
import os
import signal
import sys
from typing import Any

from sqlalchemy import insert

from chassis.database.engine import Database
from chassis.messaging.bus import Bus
from chassis.messaging.raw_batches import DONE, Outcome
from chassis.messaging.raw_message import RawMessage, read_event
from contracts.envelope import Event
from tests.chassis.messaging.pipe import EFFECTS, Pipe, PipeSettings, ack_pending, record


async def main(kind: str, nats_url: str, database_url: str, poison: str) -> None:
    pipe = Pipe(nats_url, Database(database_url))
    pipe.with_consumer(ack_wait_s=1.0)

    async def handle(event: Event[Any], tx: Any) -> None:
        if str(event.id) == poison:
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0.2)  # the neighbours are in hand, too, when it happens
        await record(event, tx)

    async def ingest(batch: list[RawMessage]) -> list[Outcome]:
        events = [read_event(raw) for raw in batch]
        if any(str(event.id) == poison for event in events):
            os.kill(os.getpid(), signal.SIGKILL)
        async with pipe.database.transaction() as tx:
            await tx.execute(insert(EFFECTS), [{"event_id": event.id} for event in events])
        return [DONE] * len(batch)

    if kind == "events":
        await pipe.bus(handle)
    else:
        bus = Bus(PipeSettings("listener", nats_url), pipe.database)
        bus.consume_raw_batches(pipe.consumer, ingest, batch_size=5)
        await bus.start()
        pipe._buses.append(bus)
    while await ack_pending(nats_url, pipe.consumer) != (0, 0):
        await asyncio.sleep(0.1)
    await pipe.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
