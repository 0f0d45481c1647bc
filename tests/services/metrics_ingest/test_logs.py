"""The output of trainers, as it is reported and as it is asked for."""

from collections.abc import Iterable
from typing import Any

import pytest
import pytest_asyncio

from chassis.problems import ProblemError
from contracts.events import LogLevel, LogLine, LogReported
from contracts.rpc.logs import LOG_LINES, LogLinesPage, LogLinesQuery
from services.metrics_ingest.adapters.hot_window import RedisHotWindow
from services.metrics_ingest.application.commands.store_lines import StoreLines
from services.metrics_ingest.application.workers.cleaning import Cleaner
from tests.services.metrics_ingest.conftest import Trainer, scalar, until


class Printer(Trainer):
    """A trainer that prints `line <number>`, each tenth one a warning."""

    def printed(self, first: int, last: int, *, attempt: int = 1, text: str = "line {}") -> LogReported:
        lines = tuple(
            LogLine(time=1_700_000_000.0 + n, text=text.format(n),
                    level=LogLevel.WARNING if n % 10 == 0 else LogLevel.INFO)
            for n in range(first, last + 1))  # fmt: skip
        return LogReported(
            job_id=self.job_id, workspace_id=self.workspace_id, attempt=attempt, first_line=first, lines=lines)

    async def prints(self, first: int, last: int, **how: Any) -> None:
        await self.publish(self.printed(first, last, **how))

    async def lines(self, **query: Any) -> LogLinesPage:
        asked = {"job_id": self.job_id, "workspace_id": self.workspace_id, **query}
        return await self.bus.request(LOG_LINES, LogLinesQuery(**asked), timeout_s=20)

    async def settled(self) -> None:
        async def done() -> bool:
            last = (await self.jetstream.stream_info("LOGS")).state.last_seq
            info = await self.jetstream.consumer_info("LOGS", "metrics_ingest_logs")
            return info.num_pending == 0 and info.num_ack_pending == 0 and info.ack_floor.stream_seq >= last

        await until(done)


def numbers(page: LogLinesPage) -> list[int]:
    return [line.line for line in page.lines]


@pytest_asyncio.fixture
async def printer(trainer: Trainer) -> Printer:
    return Printer(trainer.bus, trainer.jetstream)


async def test_pages_forwards_hold_every_line_once(printer: Printer) -> None:
    for first in (101, 1, 51):  # in any order
        await printer.prints(first, first + 49)
    await printer.settled()
    seen: list[int] = []
    page = await printer.lines(limit=60)
    while page.lines:
        seen += numbers(page)
        page = await printer.lines(limit=60, after=page.next_after)
    assert seen == list(range(1, 151))
    first = await printer.lines(limit=60)
    assert (first.more_after, first.more_before, first.attempt) == (True, False, 1)
    assert first.lines[0].text == "line 1"
    assert first.lines[9].level is LogLevel.WARNING
    assert first.lines[9].time == 1_700_000_010.0
    assert (page.more_after, page.next_after) == (False, 150), "and a reader goes on from here when more is printed"


async def test_the_end_and_from_there_backwards(printer: Printer) -> None:
    await printer.prints(1, 300)
    await printer.settled()
    page = await printer.lines(tail=100)
    assert numbers(page) == list(range(201, 301))
    assert (page.next_after, page.more_after, page.more_before) == (300, False, True)
    before = await printer.lines(before=page.next_before, limit=150)
    assert numbers(before) == list(range(51, 201))
    assert (before.more_after, before.more_before) == (True, True)
    rest = await printer.lines(before=before.next_before, limit=150)
    assert numbers(rest) == list(range(1, 51))
    assert not rest.more_before


async def test_level_and_search(printer: Printer) -> None:
    await printer.prints(1, 200)
    await printer.settled()
    assert numbers(await printer.lines(level="warning", limit=3)) == [10, 20, 30]
    assert numbers(await printer.lines(search="LINE 19", limit=5)) == [19, *range(190, 194)]
    assert numbers(await printer.lines(search="line 19", tail=2)) == [198, 199]
    assert numbers(await printer.lines(search="line 19", level="warning")) == [190]
    assert (await printer.lines(level="error")).lines == ()
    assert (await printer.lines(search="100%_")).lines == (), "no pattern"


async def test_each_attempt_has_lines_of_its_own(printer: Printer) -> None:
    await printer.prints(1, 5)
    await printer.prints(1, 3, attempt=2, text="again {}")
    await printer.settled()
    newest = await printer.lines()
    assert (newest.attempt, [line.text for line in newest.lines]) == (2, ["again 1", "again 2", "again 3"])
    assert len((await printer.lines(attempt=1)).lines) == 5
    assert [(a.attempt, a.first_line, a.last_line) for a in newest.attempts] == [(1, 1, 5), (2, 1, 3)]
    nothing = await printer.lines(attempt=3)
    assert (nothing.attempt, nothing.lines, len(nothing.attempts)) == (None, (), 2)


async def test_a_report_that_comes_twice_is_stored_once(printer: Printer, service: Any) -> None:
    report = printer.printed(1, 20)
    event_id = await printer.publish(report)
    await printer.publish(report, event_id=event_id, dedup="redelivered")
    await printer.publish(report)  # and under another id
    await printer.settled()
    assert numbers(await printer.lines()) == list(range(1, 21))
    assert await scalar(service, "SELECT count(*) FROM log_batches") == 1
    assert await scalar(service, "SELECT bytes = (SELECT sum(bytes) FROM log_batches) FROM log_attempts")


async def test_another_workspace_sees_nothing_and_writes_nothing(printer: Printer) -> None:
    await printer.prints(1, 5)
    await printer.settled()
    stranger = Printer(printer.bus, printer.jetstream)
    page = await printer.lines(workspace_id=stranger.workspace_id)
    assert page == LogLinesPage(attempt=None)
    await printer.publish(printer.printed(6, 7).model_copy(update={"workspace_id": stranger.workspace_id}))
    await printer.settled()
    assert len((await printer.lines()).lines) == 5
    assert len(await printer.dead_lettered()) == 1


async def test_text_is_kept_as_it_is(printer: Printer) -> None:
    text = "Verlust 0,93 \x00 \t “zitiert” 🙂 \\ {}"
    await printer.prints(1, 1, text=text)
    await printer.settled()
    assert (await printer.lines()).lines[0].text == text.format(1)


async def test_a_deleted_job_has_no_output_any_more(printer: Printer, service: Any) -> None:
    await printer.prints(1, 5)
    await printer.settled()
    await printer.delete()

    async def purged() -> bool:
        return bool(await scalar(service, "SELECT purged_at IS NOT NULL FROM jobs"))

    await until(purged)
    await printer.prints(6, 9)  # on its way when the job was deleted
    await printer.settled()
    for table in ("log_batches", "log_attempts"):
        assert await scalar(service, f"SELECT count(*) FROM {table}") == 0, table
    assert (await printer.lines()).lines == ()


async def test_output_expires_attempt_by_attempt(printer: Printer, service: Any) -> None:
    await printer.prints(1, 5)
    await printer.prints(1, 5, attempt=2)
    await printer.settled()
    async with service.owners.transaction() as tx:
        await tx.exec_driver_sql("UPDATE log_attempts SET last_at = now() - interval '31 days' WHERE attempt = 1")
    cleaner = Cleaner(service.owners, RedisHotWindow(service.redis, points=100, ttl_s=10), 0, log_retention_days=30)
    await cleaner.clean()
    page = await printer.lines()
    assert [attempt.attempt for attempt in page.attempts] == [2]
    assert await scalar(service, "SELECT count(*) FROM log_batches") == 1
    assert len(page.lines) == 5


async def test_a_job_that_prints_too_much_loses_its_oldest_lines(printer: Printer, database: Any) -> None:
    await fill(database, StoreLines(20_000), (printer.printed(n, n + 19, text="x" * 100) for n in range(1, 400, 20)))
    kept = await first_and_last(database)
    assert kept[-1] == (381, 400), "the newest stay"
    assert kept[0][0] > 200
    row = await scalar_of(database, "SELECT array[first_line, last_line, bytes] FROM log_attempts")
    assert row == [kept[0][0], 400, await scalar_of(database, "SELECT sum(bytes) FROM log_batches")]
    assert row[2] <= 20_000


async def fill(database: Any, store: StoreLines, reports: Iterable[LogReported]) -> None:
    from datetime import UTC, datetime

    for report in reports:
        async with database.transaction() as tx:
            await store(tx, report, datetime.now(UTC))


async def first_and_last(database: Any) -> list[tuple[int, int]]:
    async with database.read() as connection:
        rows = await connection.exec_driver_sql("SELECT first_line, last_line FROM log_batches ORDER BY first_line")
        return [tuple(row) for row in rows]


async def scalar_of(database: Any, query: str) -> Any:
    async with database.read() as connection:
        return (await connection.exec_driver_sql(query)).scalar()


async def test_a_search_in_a_long_log_reads_a_bounded_piece_at_a_time(printer: Printer, service: Any) -> None:
    """8 MB of lines that do not match, and the one that does behind them."""
    store = StoreLines(64 * 1024**2)
    text = "x" * 1_000
    await fill(service.owners, store, (printer.printed(n, n + 99, text=text) for n in range(1, 8_001, 100)))
    await fill(service.owners, store, [printer.printed(8_001, 8_001, text="needle {}")])
    page, requests = await printer.lines(search="needle"), 1
    assert page.lines == ()
    assert page.more_after
    while not page.lines and page.more_after:
        page, requests = await printer.lines(search="needle", after=page.next_after), requests + 1
    assert [line.text for line in page.lines] == ["needle 8001"]
    assert requests == 2
    full = await printer.lines(limit=1_000)
    assert 900 < len(full.lines) <= 1_050, "an answer is a megabyte of text at most"


async def test_a_question_in_two_directions_is_refused(printer: Printer) -> None:
    asked = {"job_id": printer.job_id, "workspace_id": printer.workspace_id, "after": 5, "tail": 5}
    with pytest.raises(ProblemError):
        await printer.bus.request(LOG_LINES, LogLinesQuery.model_construct(
            **{**LogLinesQuery(job_id=printer.job_id, workspace_id=printer.workspace_id).model_dump(), **asked}))
