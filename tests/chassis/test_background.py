"""Loops: what keeps going, how failures show, what wakes them."""

import asyncio
from collections.abc import Callable

from sqlalchemy import text

from chassis.background import BackgroundTasks, backoff_s
from chassis.clock import FakeClock, SystemClock
from chassis.database.engine import Database
from chassis.database.listen import PgListener


async def test_a_periodic_task_survives_its_errors_and_goes_on() -> None:
    rounds: list[int] = []
    third = asyncio.Event()

    async def work() -> None:
        rounds.append(1)
        if len(rounds) == 1:
            raise RuntimeError("the first round fails")
        if len(rounds) == 3:
            third.set()

    tasks = BackgroundTasks(FakeClock())
    tasks.add_periodic("work", 5.0, work)
    tasks.start()
    await asyncio.wait_for(third.wait(), 10)
    await tasks.stop()


async def test_health_sees_a_periodic_task_that_keeps_failing_and_its_recovery() -> None:
    broken, clock = True, FakeClock()

    async def work() -> None:
        if broken:
            raise RuntimeError("no luck")

    tasks = BackgroundTasks(clock)
    tasks.add_periodic("meter", 1.0, work)
    assert (await tasks.check()).status == "ok"
    tasks.start()
    while (await tasks.check()).status == "ok":
        await asyncio.sleep(0)
    result = await tasks.check()
    assert "meter failed 3 times (RuntimeError: no luck)" in result.detail
    broken = False
    while (await tasks.check()).status == "failed":
        await asyncio.sleep(0)
    await tasks.stop()


async def test_a_task_that_returns_is_finished_and_one_that_raises_is_started_again() -> None:
    starts: list[str] = []

    async def ends() -> None:
        starts.append("ends")

    async def fails_once() -> None:
        starts.append("fails")
        if starts.count("fails") == 1:
            raise RuntimeError("once")
        await asyncio.Event().wait()

    tasks = BackgroundTasks(FakeClock())
    tasks.add("ends", ends)
    tasks.add("fails", fails_once)
    tasks.start()
    while starts.count("fails") < 2:
        await asyncio.sleep(0)
    await tasks.stop()
    assert starts.count("ends") == 1


async def test_a_notification_wakes_a_periodic_task_early(new_empty_database: Callable[[], str]) -> None:
    database, rounds = Database(new_empty_database()), asyncio.Queue[int]()

    async def work() -> None:
        rounds.put_nowait(1)

    tasks = BackgroundTasks(SystemClock())
    tasks.add_periodic("work", 3600, work, PgListener(database.url, "work"))
    tasks.start()
    while rounds.qsize() < 3:  # one at the start, one for the new connection; the third is ours
        async with database.transaction() as tx:
            await tx.execute(text("SELECT pg_notify('work', '')"))
        await asyncio.sleep(0.05)
    await tasks.stop()
    await database.dispose()


def test_pauses_grow_to_half_a_minute_and_no_further() -> None:
    pauses = [backoff_s(failures) for failures in (1, 2, 3, 10, 5_000)]
    assert 0.375 <= pauses[0] <= 0.5
    assert 0.75 <= pauses[1] <= 1.0
    assert 22.5 <= pauses[3] <= 30.0
    assert 22.5 <= pauses[4] <= 30.0
