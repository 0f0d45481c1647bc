"""Two replicas over one database: one hangs in the act, or has a wrong clock."""

import asyncio
from datetime import datetime, timedelta

import pytest

from chassis.clock import SystemClock
from contracts.example_events import examples
from contracts.identifiers import uuid7
from services.notifier.domain.addresses import Channel
from services.notifier.ports import DeliveryFailed, DeliveryUncertain, Notification


class FrozenSender:
    """Stops in the middle of its first delivery, as a process that was stopped does; `thaw` lets it go on."""

    def __init__(self, before: bool, outcome: Exception | None = None) -> None:
        self.sent: list[Notification] = []
        self.reached, self.thaw = asyncio.Event(), asyncio.Event()
        self._before, self._outcome = before, outcome

    async def send(self, notification: Notification) -> None:
        if self._before:
            await self._freeze()
        if self._outcome is None:
            self.sent.append(notification)
        if not self._before:
            await self._freeze()
        if self._outcome is not None:
            raise self._outcome

    async def _freeze(self) -> None:
        self.reached.set()
        await self.thaw.wait()


class RecordingSender:
    def __init__(self) -> None:
        self.sent: list[Notification] = []

    async def send(self, notification: Notification) -> None:
        self.sent.append(notification)


class WrongClock(SystemClock):
    def __init__(self, off: timedelta) -> None:
        self._off = off

    def now(self) -> datetime:
        return super().now() + self._off


def completed():
    return examples()["job.completed"].data.model_copy(update={"job_id": uuid7()})


# A delivery whose sender has not come back is taken over after a second.
QUICK = {"send_timeout_s": 0.2, "request_timeout_s": 0.2}
LATE = [None, DeliveryFailed("refused"), DeliveryUncertain("lost"), RuntimeError("woke up broken")]


@pytest.mark.parametrize("before", [True, False], ids=["frozen before it is sent", "frozen after it is sent"])
@pytest.mark.parametrize("outcome", LATE, ids=lambda outcome: type(outcome).__name__)
async def test_the_other_replica_takes_over_and_nothing_is_sent_twice(world, before, outcome) -> None:
    frozen, healthy = FrozenSender(before, outcome), RecordingSender()
    async with world.notifier(senders={Channel.LOG: frozen}, **QUICK):
        await world.tell(completed())
        await frozen.reached.wait()
        async with world.notifier(senders={Channel.LOG: healthy}, **QUICK):
            await world.settled("unknown")
            for _ in range(3):
                await world.tell(completed())
            await world.settled("sent", count=3)
            frozen.thaw.set()
            await asyncio.sleep(1)
            rows = await world.rows()
    assert sorted(row.status for row in rows) == ["sent", "sent", "sent", "unknown"]
    told = [notification.delivery_id for notification in (*frozen.sent, *healthy.sent)]
    assert len(told) == len(set(told)) == (3 if outcome else 4)


@pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(hours=-1)], ids=["fast", "slow"])
async def test_a_wrong_clock_takes_no_delivery_from_its_sender(world, off) -> None:
    frozen, other = FrozenSender(before=True), RecordingSender()
    async with world.notifier(senders={Channel.LOG: frozen}, send_timeout_s=2):
        await world.tell(completed())
        await frozen.reached.wait()
        async with world.notifier(senders={Channel.LOG: other}, clock=WrongClock(off), poll_s=0.1):
            await asyncio.sleep(1)
            assert [row.status for row in await world.rows()] == ["sending"]
            frozen.thaw.set()
            await world.settled("sent")
    assert (len(frozen.sent), other.sent) == (1, [])


async def test_a_slow_clock_neither_delays_a_delivery_nor_keeps_a_dead_ones_lease(world) -> None:
    slow = WrongClock(timedelta(hours=-1))
    frozen, healthy = FrozenSender(before=True), RecordingSender()
    async with world.notifier(senders={Channel.LOG: frozen}, clock=slow, **QUICK):
        await world.tell(completed())
        await asyncio.wait_for(frozen.reached.wait(), 5)
        async with world.notifier(senders={Channel.LOG: healthy}, clock=slow, **QUICK):
            await world.settled("unknown")
            frozen.thaw.set()


async def test_a_fast_clock_does_not_try_again_too_early(world) -> None:
    class Refusing(RecordingSender):
        async def send(self, notification: Notification) -> None:
            await super().send(notification)
            raise DeliveryFailed("not now")

    first, other = Refusing(), RecordingSender()
    async with world.notifier(senders={Channel.LOG: first}, retry_delays_s=(60.0,)):
        await world.tell(completed())
        await world.settled("pending")
        while not (await world.rows())[0].failures:
            await asyncio.sleep(0.02)
        async with world.notifier(senders={Channel.LOG: other}, clock=WrongClock(timedelta(hours=1)), poll_s=0.1):
            await asyncio.sleep(1)
    assert (len(first.sent), other.sent) == (1, [])
