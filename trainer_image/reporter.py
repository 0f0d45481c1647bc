"""How the trainer reports: a thread with the only connection to the broker. It never makes the training wait.

Whatever is published goes into the journal on disk at once and from there to the broker, when it is there.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from contracts.envelope import AttemptEventData, Event, new_event
from contracts.events import TrainingStageChanged, TrainingWarning
from contracts.job_status import JobStatus
from contracts.pod_environment import PodSpec
from contracts.rpc.pods import HEARTBEAT, Heartbeat
from contracts.rpc.spec import PodRpc
from trainer_image.broker import Broker, NoAnswer, Refused
from trainer_image.errors import NetworkLost
from trainer_image.fitting import fitting
from trainer_image.journal import Journal
from trainer_image.lease import Lease
from trainer_image.publisher import NotConfirmed, Publisher

_log = logging.getLogger(__name__)

TICK_S = 1.0
_RETRY_S = 0.5
_QUICK_ANSWER_S = 2.0
_CALL_GRACE_S = 5.0
Reply = TypeVar("Reply", bound=BaseModel)


class Reporter:
    """`publish` from any thread. `stage` and `step` are what the heartbeat tells; its answers renew `lease`."""

    def __init__(
        self, spec: PodSpec, credentials: str, work_dir: Path, *, on_stop: Callable[[str], None],
        on_pause: Callable[[str], None] = _log.warning,
    ) -> None:
        self.spec, self._on_stop, self._on_pause = spec, on_stop, on_pause
        self.lease = Lease(spec.lease_s)
        self.stage, self.step = "", 0
        self._journal = Journal(work_dir / "events.journal")
        self._publisher = Publisher(self._journal, traceparent=spec.traceparent)
        self._broker = Broker(spec, credentials, on_connected=self._connected)
        self._lock = threading.Lock()
        self._sequence = self._journal.count
        self._ticks: list[Callable[[], None]] = []
        self._loop = asyncio.new_event_loop()
        self._wake = asyncio.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="reporter", daemon=True).start()

    def every_second(self, function: Callable[[], None]) -> None:
        """Run `function` on the reporter's thread about once a second, and in `tell_all`; it must be quick."""
        self._ticks.append(function)

    def prepare(self, model: type[AttemptEventData], **fields: Any) -> Event[Any]:
        """An event of this attempt with its number, not yet published, its texts cut to what its stream takes."""
        with self._lock:
            self._sequence += 1
            data = model(job_id=self.spec.job_id, workspace_id=self.spec.workspace_id, attempt=self.spec.attempt,
                         sequence=self._sequence, **fitting(fields))
        return new_event(data, source=f"/trainer/{self.spec.pod_name}", traceparent=self.spec.traceparent)

    def send(self, event: Event[Any]) -> None:
        """On disk when this returns; at the broker soon, or when it is back."""
        self._journal.append(event)
        self._call_soon(self._wake.set)

    def publish(self, model: type[AttemptEventData], **fields: Any) -> Event[Any]:
        event = self.prepare(model, **fields)
        self.send(event)
        return event

    def publish_at_once(self, model: type[AttemptEventData], **fields: Any) -> None:
        """Ahead of everything that still waits in the journal (it is there too; the broker drops the second)."""
        event = self.publish(model, **fields)
        self._call_soon(lambda: self._loop.create_task(self._broker.publish(event)))

    def enter(self, stage: JobStatus, message: str = "", **details: Any) -> None:
        self.stage = stage.value
        _log.info("stage %s %s", stage.value, message)
        self.publish(TrainingStageChanged, stage=stage, message=message, details=details)

    def warn(self, code: str, message: str, step: int | None = None) -> None:
        _log.warning("%s: %s", code, message)
        self.publish(TrainingWarning, code=code, message=message, step=step)

    def ask(
        self, rpc: PodRpc[Any, Reply], request: BaseModel, *, timeout_s: float = 5.0, patience_s: float = 600.0
    ) -> Reply:
        """Ask the provisioner, again and again while it is away. Not from the reporter's own thread.

        Raises NetworkLost after `patience_s`, and broker.Refused when the answer is no.
        """
        deadline, delay = time.monotonic() + patience_s, 0.2
        while True:
            try:
                future = asyncio.run_coroutine_threadsafe(self._broker.ask(rpc, request, timeout_s), self._loop)
                return future.result(timeout_s + _CALL_GRACE_S)
            except (NoAnswer, TimeoutError) as error:
                if time.monotonic() + delay > deadline:
                    raise NetworkLost(f"The provisioner did not answer {rpc.method} within {patience_s:.0f} s "
                                      f"({error}).") from error
                _log.info("%s is not answered yet: %s", rpc.method, error)
            time.sleep(delay)
            delay = min(5.0, delay * 2)

    def drain(self, timeout_s: float) -> bool:
        """Wait until the broker confirmed everything that was published; False when the time is over."""
        deadline = time.monotonic() + timeout_s
        while not self._publisher.caught_up:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def tell_all(self, timeout_s: float) -> bool:
        """What is still being collected too, and wait for its confirmation; False when the time is over."""
        for function in self._ticks:
            function()
        return self.drain(timeout_s)

    def _call_soon(self, function: Callable[[], Any]) -> None:
        self._loop.call_soon_threadsafe(function)

    def _connected(self) -> None:
        self._publisher.reconnected()
        self._wake.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._duties = self._take_up_duties()
        self._loop.run_forever()

    def _take_up_duties(self) -> list[asyncio.Task[None]]:
        forever = (self._broker.stay_connected, self._deliver_journal, self._heartbeat, self._tick)
        return [self._loop.create_task(_unending(duty)) for duty in forever]

    async def _deliver_journal(self) -> None:
        while True:
            self._wake.clear()
            await self._broker.connected()
            try:
                while await self._publisher.publish_next(self._broker.stream()):
                    pass
            except (NotConfirmed, NoAnswer) as error:
                _log.info("not confirmed, repeated: %s", error)
                await asyncio.sleep(_RETRY_S)
            else:
                await self._wake.wait()

    async def _heartbeat(self) -> None:
        """One that is not answered is repeated soon: the replica that was asked may hang, and the next one be well.
        Every other try is given more time, for one that is slow."""
        interval_s, unanswered = self.spec.heartbeat_interval_s, 0
        while True:
            patience_s = interval_s if unanswered % 2 else min(interval_s, _QUICK_ANSWER_S)
            answered = await self._beat(patience_s)
            unanswered = 0 if answered else unanswered + 1
            await asyncio.sleep(interval_s if answered else interval_s / 5)  # a pod may beat four times an interval

    async def _beat(self, patience_s: float) -> bool:
        """Whether somebody answered."""
        beat = Heartbeat(attempt=self.spec.attempt, stage=self.stage, step=self.step, sent_at=datetime.now(UTC))
        try:
            reply = await self._broker.ask(HEARTBEAT, beat, patience_s)
        except NoAnswer as error:
            _log.debug("heartbeat unanswered: %s", error)
            return False
        except Refused as error:
            _log.debug("heartbeat refused: %s", error)
            return True
        if reply.directive == "stop":
            self._on_stop(reply.reason)
        elif reply.directive == "pause":
            self._on_pause(reply.reason)
        self.lease.renew(reply.lease_s)
        return True

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for function in self._ticks:
                function()


async def _unending(function: Callable[[], Any]) -> None:
    """A fault in one of the reporter's duties is logged and the duty taken up again."""
    while True:
        try:
            await function()
        except Exception:
            _log.exception("the reporter's %s failed", getattr(function, "__name__", function))
            await asyncio.sleep(1.0)
