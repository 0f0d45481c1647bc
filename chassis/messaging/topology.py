"""The one place that creates and changes streams and consumers: `python -m chassis.topology [--watch]`.

Reads BRIGHTRUN_NATS_URL, BRIGHTRUN_NATS_CREDS_FILE, BRIGHTRUN_NATS_TLS_CA, _CERT, _KEY, BRIGHTRUN_TLS_REQUIRED (true:
nothing but tls://) and BRIGHTRUN_STREAM_REPLICAS (1, 3 or 5: on how many servers each stream is kept; those that exist
are changed in place, messages and durables stay). With --watch it stays and applies again within about a second when a
stream or consumer is missing (the store of NATS was lost) or was changed by hand. Exit status: 0 done (or nothing to
do), 75 the broker was not there or not ready within `--wait` seconds, 1 it holds what cannot be changed.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError, BadRequestError

from chassis.messaging.connection import Epoch, NatsConnection, NotConnected
from chassis.messaging.drift import Drift, consumer_config, drift, stream_config
from chassis.messaging.moves import move_messages, remove_retired
from chassis.messaging.replicas import VARIABLE as REPLICAS
from chassis.messaging.replicas import replicated, stream_replicas
from chassis.messaging.stream_figures import tell_figures
from chassis.messaging.stream_settings import streams_of_installation
from chassis.messaging.tls import nats_tls
from chassis.settings import tls_is_required
from chassis.waiting import NotThereYet, run_job, until_there
from contracts.streams import CONSUMERS, MOVES, RETIRED, STREAMS, ConsumerSpec, StreamSpec

_log = structlog.get_logger(__name__)

# The server refuses to change these on an existing consumer or stream.
_IMMUTABLE = {"deliver_policy", "ack_policy", "retention", "storage"}
# Of the server: a single one keeps no replicas; too few servers of a cluster are there (yet).
_NOT_A_CLUSTER, _TOO_FEW_SERVERS = 10074, 10005
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


async def apply_when_there(
    connection: NatsConnection, wait_s: float, streams: Sequence[StreamSpec] = STREAMS
) -> list[Drift]:
    """Raises NotThereYet when the broker did not answer within `wait_s` seconds, TopologyError as `apply`."""
    began = time.monotonic()
    if not await connection.start(wait_s):
        raise NotThereYet("NATS does not answer at BRIGHTRUN_NATS_URL, or refuses BRIGHTRUN_NATS_CREDS_FILE")
    return await until_there(lambda: _try_to_apply(connection, streams), wait_s - (time.monotonic() - began))


async def _try_to_apply(connection: NatsConnection, streams: Sequence[StreamSpec]) -> list[Drift]:
    """A server that has just started answers before JetStream does, a cluster before it has a leader."""
    try:
        return await apply(connection.jetstream, streams)
    except (NotConnected, NatsError, TimeoutError) as error:
        code = error.err_code if isinstance(error, APIError) else None
        if code == _NOT_A_CLUSTER:
            raise TopologyError(f"{REPLICAS}: this NATS is a single server; set it to 1, or make a cluster") from None
        if isinstance(error, BadRequestError) and code != _TOO_FEW_SERVERS:
            raise
        raise NotThereYet(f"JetStream is not ready: {error!r}") from None


async def _run(keep_watching: bool, wait_s: float, streams: Sequence[StreamSpec]) -> None:
    url = os.environ.get("BRIGHTRUN_NATS_URL", "nats://127.0.0.1:4222")
    if tls_is_required() and not url.startswith("tls://"):
        raise TopologyError("BRIGHTRUN_TLS_REQUIRED is set, but BRIGHTRUN_NATS_URL does not begin with tls://")
    tls = nats_tls(url, *(os.environ.get(f"BRIGHTRUN_NATS_TLS_{name}", "") for name in ("CA", "CERT", "KEY")))
    connection = NatsConnection(
        url, name="topology", inbox_prefix="_INBOX_topology", tls=tls,
        creds_file=os.environ.get("BRIGHTRUN_NATS_CREDS_FILE", ""),
    )
    try:
        if keep_watching:
            await connection.start(wait_s)
            await asyncio.gather(watch(connection, streams), tell_figures(connection))
        for difference in await apply_when_there(connection, wait_s, streams):
            print(f"applied: {difference}")
        print("streams and consumers are as contracts say", flush=True)
    finally:
        await connection.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chassis.topology", description=__doc__)
    parser.add_argument("--watch", action="store_true", help="stay, and repair what goes missing")
    parser.add_argument("--wait", type=float, default=10.0, metavar="SECONDS",
                        help="for a broker that is not there yet")
    options = parser.parse_args()
    try:
        streams = replicated(streams_of_installation(), stream_replicas())
        run_job(_run(options.watch, options.wait, streams), options.wait)
    except (TopologyError, ValueError) as error:
        raise SystemExit(str(error)) from None
