"""A relay that says when it is about to publish, and takes its time: `python -m tests.chassis.messaging.hanging`."""

import asyncio
import sys
from typing import Any

from chassis.database.engine import Database
from chassis.messaging import publishing, relay
from tests.chassis.messaging.pipe import Pipe


async def main(nats_url: str, database_url: str) -> None:
    pipe = Pipe(nats_url, Database(database_url))

    async def slowly(*arguments: Any) -> Any:
        print("publishing", flush=True)
        await asyncio.sleep(5)  # long enough to be stopped in it on a busy machine
        return await publishing.publish_by_key(*arguments)

    relay.publish_by_key = slowly
    await pipe.relay(await pipe.bus())
    await asyncio.sleep(120)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
