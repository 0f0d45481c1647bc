"""Brings lines to the broker, on a thread of the parent's own. Away, the broker is waited for."""

import asyncio
import logging
import threading
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from trainer_image.headers import message_headers
from trainer_image.output.buffer import LineBuffer

_EVERY_S, _LOOK_S = 2.0, 0.1
# So many waiting lines are told at once.
_MANY = 200
_CONFIRMED_WITHIN_S = 5.0
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)


def ship(lines: LineBuffer) -> threading.Thread:
    """Starts the thread; it ends when the buffer is closed and everything is told, or nothing can be."""
    thread = threading.Thread(target=_ship, args=(lines,), name="output", daemon=True)
    thread.start()
    return thread


def _ship(lines: LineBuffer) -> None:
    # The trainer says the same of the same broker.
    logging.disable(logging.CRITICAL)
    from trainer_image.environment import BadEnvironment, read_environment

    try:
        environment = read_environment()
    except BadEnvironment:
        return  # nobody to tell it to; the trainer says why
    environment.work_dir.mkdir(parents=True, exist_ok=True)
    asyncio.run(_Shipper(lines, environment).run())


class _Shipper:
    def __init__(self, lines: LineBuffer, environment: Any) -> None:
        from trainer_image.broker import Broker

        self._lines, self._spec = lines, environment.spec
        self._broker = Broker(environment.spec, environment.nats_credentials, on_connected=lambda: None)
        self._position = _Position(environment.work_dir / "output.position")
        self._told = 0

    async def run(self) -> None:
        connection = asyncio.create_task(self._broker.stay_connected())
        while not (self._lines.closed.is_set() and not self._lines.waiting):
            await self._due()
            while batch := self._lines.take():
                await self._tell(batch)
        connection.cancel()

    async def _due(self) -> None:
        """Two seconds after the last time, or earlier when there is much to tell, or all of it."""
        for _ in range(int(_EVERY_S / _LOOK_S)):
            if self._lines.closed.is_set() or self._lines.waiting >= _MANY:
                return
            await asyncio.sleep(_LOOK_S)

    async def _tell(self, batch: list[Any]) -> None:
        """Until the broker has it. The same event each time: what arrived unconfirmed is known by its id."""
        from contracts.envelope import new_event
        from contracts.events import LogReported

        self._told += 1
        data = LogReported(
            job_id=self._spec.job_id, workspace_id=self._spec.workspace_id, attempt=self._spec.attempt,
            sequence=self._told, first_line=self._position.next, lines=tuple(batch))
        event = new_event(data, source=f"/trainer/{self._spec.pod_name}/output", traceparent=self._spec.traceparent)
        for pause in chain(_PAUSES_S, repeat(_PAUSES_S[-1])):
            if await self._confirmed(event):
                break
            await asyncio.sleep(pause)
        self._position.advance(len(batch))

    async def _confirmed(self, event: Any) -> bool:
        import nats.errors

        from trainer_image.broker import NoAnswer

        await self._broker.connected()
        try:
            await self._broker.stream().publish(
                event.subject, event.to_bytes(), timeout=_CONFIRMED_WITHIN_S,
                headers=message_headers(str(event.id), event.traceparent))
        except (NoAnswer, nats.errors.Error, OSError):
            return False
        return True


class _Position:
    """The number of the next line, on disk: a container that is started again goes on behind what it told."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text() if path.exists() else ""
        self.next = int(text) if text.isdecimal() else 1

    def advance(self, lines: int) -> None:
        self.next += lines
        try:
            self._path.write_text(str(self.next))
        except OSError:
            return  # a full disk: only a second start of this container would miss it
