"""The one place that creates and changes streams and consumers: `python -m chassis.topology [--watch]`.

Reads BRIGHTRUN_NATS_URL, BRIGHTRUN_NATS_CREDS_FILE and BRIGHTRUN_NATS_TLS_CA, _CERT, _KEY. With --watch it stays and
applies again within about a second when a stream or consumer is missing (the store of NATS was lost) or was changed
by hand.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence

import structlog
from nats.js import JetStreamContext

from chassis.messaging.connection import Epoch, NatsConnection
from chassis.messaging.drift import Drift, consumer_config, drift, stream_config
from chassis.messaging.moves import move_messages, remove_retired
from chassis.messaging.tls import nats_tls
from contracts.streams import CONSUMERS, MOVES, RETIRED, STREAMS, ConsumerSpec, StreamSpec

_log = structlog.get_logger(__name__)

# The server refuses to change these on an existing consumer or stream.
_IMMUTABLE = {"deliver_policy", "ack_policy", "retention", "storage"}
_WATCH_INTERVAL_S = 1.0
_FULL_CHECK_INTERVAL_S = 20.0


class TopologyError(RuntimeError):
    """The server has something that cannot be changed in place into what the table says."""


async def apply(
    js: JetStreamContext, streams: Sequence[StreamSpec] = STREAMS, consumers: Sequence[ConsumerSpec] = CONSUMERS
) -> list[Drift]:
    """Make the server match the tables; what was different before. Idempotent.

    Deletes no stream, and of the durables those that `contracts` says are retired, once nothing waits for them.
    Messages whose subject another of these streams takes now are moved there. Raises TopologyError for a difference
    that only deleting and making anew could remove.
    """
    found = await drift(js, streams, consumers)
    if fixed := [item for item in found if item.field in _IMMUTABLE]:
        raise TopologyError(
            "; ".join(map(str, fixed)) + ". NATS cannot change this in place: delete it with the nats CLI at a "
            "quiet moment and apply again."
        )
    await _apply_streams(js, streams, found)
    wrong = {item.name for item in found if item.kind == "consumer"}
    for consumer in consumers:
        if consumer.durable in wrong:
            await js.add_consumer(consumer.stream, consumer_config(consumer))  # creates or updates
    names, durables = {stream.name for stream in streams}, {consumer.durable for consumer in consumers}
    await move_messages(js, [move for move in MOVES if {move.source, move.target} <= names])
    await remove_retired(js, [old for old in RETIRED if old.stream in names and old.durable not in durables])
    return found


async def _apply_streams(js: JetStreamContext, streams: Sequence[StreamSpec], found: Sequence[Drift]) -> None:
    """Those that exist first: subjects of streams may not overlap, and one may have to give up what a new one takes."""
    missing = {item.name for item in found if item.kind == "stream" and not item.field}
    wrong = {item.name for item in found if item.kind == "stream" and item.field}
    for stream in streams:
        if stream.name in wrong:
            await js.update_stream(stream_config(stream))
    for stream in streams:
        if stream.name in missing:
            await js.add_stream(stream_config(stream))


async def watch(
    connection: NatsConnection, streams: Sequence[StreamSpec] = STREAMS,
    consumers: Sequence[ConsumerSpec] = CONSUMERS,
) -> None:
    """Apply, then look every second whether something is missing and every 20 s whether something changed."""
    checked_at = float("-inf")
    epoch: Epoch | None = None
    while True:
        await connection.wait_connected()
        try:
            due = time.monotonic() - checked_at > _FULL_CHECK_INTERVAL_S or connection.epoch != epoch
            if due or await _something_is_missing(connection.jetstream, streams, consumers):
                epoch, changed = connection.epoch, await apply(connection.jetstream, streams, consumers)
                checked_at = time.monotonic()
                if changed:
                    _log.warning("topology_applied", differences=[str(item) for item in changed])
        except Exception as error:
            _log.warning("topology_not_applied", error=repr(error))
        await asyncio.sleep(_WATCH_INTERVAL_S)


async def _something_is_missing(
    js: JetStreamContext, streams: Sequence[StreamSpec], consumers: Sequence[ConsumerSpec]
) -> bool:
    """One request instead of one for each stream and consumer: counts are enough to see a lost store."""
    counts = {info.config.name: info.state.consumer_count for info in await js.streams_info()}
    wanted = {spec.name: sum(consumer.stream == spec.name for consumer in consumers) for spec in streams}
    return any(counts.get(name, -1) < count for name, count in wanted.items())


async def _main(keep_watching: bool) -> None:
    url = os.environ.get("BRIGHTRUN_NATS_URL", "nats://127.0.0.1:4222")
    tls = nats_tls(url, *(os.environ.get(f"BRIGHTRUN_NATS_TLS_{name}", "") for name in ("CA", "CERT", "KEY")))
    connection = NatsConnection(
        url, name="topology", inbox_prefix="_INBOX_topology", tls=tls,
        creds_file=os.environ.get("BRIGHTRUN_NATS_CREDS_FILE", ""),
    )
    if not await connection.start() and not keep_watching:
        await connection.stop()
        raise SystemExit("NATS does not answer at BRIGHTRUN_NATS_URL; start it and try again.")
    try:
        if keep_watching:
            await watch(connection)
        else:
            for difference in await apply(connection.jetstream):
                print(f"applied: {difference}")
    finally:
        await connection.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chassis.topology", description=__doc__)
    parser.add_argument("--watch", action="store_true", help="stay, and repair what goes missing")
    asyncio.run(_main(parser.parse_args().watch))
