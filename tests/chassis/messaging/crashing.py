"""A service that kills itself (-9) at a chosen point: `python -m tests.chassis.messaging.crashing POINT NATS DB`."""

import asyncio
import os
import signal
import sys
from typing import Any

from chassis.database.engine import Database
from chassis.messaging import relay
from chassis.messaging.settlement import Settlement
from tests.chassis.messaging.pipe import Pipe, job_event, record


async def _die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.sleep(60)


async def main(point: str, nats_url: str, database_url: str) -> None:
    pipe = Pipe(nats_url, Database(database_url))
    if point == "between commit and publish":
        relay.publish_by_key = _die
    elif point == "between publish and marking":
        relay.Relay._mark = _die  # type: ignore[method-assign]
    elif point == "between effect and ack":
        Settlement.succeeded = _die  # type: ignore[method-assign]
    else:
        raise SystemExit(f"no such point: {point}")
    bus = await pipe.bus(record if point == "between effect and ack" else None)
    event = job_event()
    print("said", event.id, flush=True)
    await pipe.say(event)
    await pipe.relay(bus)
    await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
