"""kill -9 at the points where messages get lost or doubled elsewhere: exactly one effect, nothing lost."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from tests.chassis.messaging.pipe import Pipe, ack_pending, eventually, record, stream_messages

ROOT = Path(__file__).parents[3]


async def crash(pipe: Pipe, point: str) -> UUID:
    """Run a service up to its crash; the id of the event it had committed."""
    command = [sys.executable, "-m", "tests.chassis.messaging.crashing", point, pipe.nats_url, pipe.database.url]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("said ")]
    return UUID(said[0].split()[1])


@pytest.mark.slow
async def test_crash_between_commit_and_publish(pipe: Pipe) -> None:
    event_id = await crash(pipe, "between commit and publish")
    assert await pipe.unpublished() == 1
    assert await stream_messages(pipe.nats_url, "JOBS") == 0
    await _recover(pipe, event_id)


@pytest.mark.parametrize("pause_s", [0.0, 1.5], ids=["at once", "after the duplicate window"])
@pytest.mark.slow
async def test_crash_between_publish_and_marking(pipe: Pipe, pause_s: float) -> None:
    pipe.stream = replace(pipe.stream, duplicate_window_s=1 if pause_s else 120)
    await pipe.apply_topology()
    event_id = await crash(pipe, "between publish and marking")
    assert await pipe.unpublished() == 1
    assert await stream_messages(pipe.nats_url, "JOBS") == 1
    await asyncio.sleep(pause_s)
    await _recover(pipe, event_id)
    assert await stream_messages(pipe.nats_url, "JOBS") == (2 if pause_s else 1)


async def test_crash_between_effect_and_ack(pipe: Pipe) -> None:
    event_id = await crash(pipe, "between effect and ack")
    assert await pipe.effects() == [event_id]
    delivered, _ = await ack_pending(pipe.nats_url, pipe.consumer)
    assert delivered == 1
    await _recover(pipe, event_id)


async def _recover(pipe: Pipe, event_id: UUID) -> None:
    """The service comes back; after a while there is one effect and no work left."""
    bus = await pipe.bus(record)
    await pipe.relay(bus)

    async def settled() -> bool:
        published = await pipe.unpublished() == 0
        return published and await ack_pending(pipe.nats_url, pipe.consumer) == (0, 0)

    await eventually(settled)
    assert await pipe.effects() == [event_id]
