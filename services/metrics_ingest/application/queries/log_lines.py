"""Pages of a trainer's output. However long the log, a request reads a bounded piece of it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chassis.database.engine import Database
from contracts.events.log import MOST_LINES_OF_A_REPORT
from contracts.rpc.logs import AttemptLog, LogLinesPage, LogLinesQuery
from services.metrics_ingest.adapters.repository import logs
from services.metrics_ingest.adapters.repository.connections import reading
from services.metrics_ingest.domain.log_lines import Batch, Gathering, Wanted

# A search in megabytes of lines that do not match takes several requests of some 50 ms each.
_MOST_BYTES_READ = 4 * 1024**2
_MOST_BYTES_ANSWERED = 1024**2
_BATCHES_AT_ONCE = 16

Fetch = Callable[[int], Awaitable[Sequence[Batch]]]


async def page(database: Database, query: LogLinesQuery) -> LogLinesPage:
    """Nothing for a job that is not this workspace's, and for an attempt of which nothing is kept."""
    async with reading(database) as connection:
        job_no = await logs.job_number(connection, query.job_id, query.workspace_id)
        kept = () if job_no is None else await logs.attempts_of(connection, job_no)
        attempt = next((a for a in reversed(kept) if query.attempt in (None, a.attempt)), None)
        if job_no is None or attempt is None:
            return LogLinesPage(attempt=None, attempts=kept)
        if query.before is None and query.tail is None:
            return await _forwards(connection, job_no, attempt, kept, query)
        return await _backwards(connection, job_no, attempt, kept, query)


async def _forwards(
    connection: Any, job_no: int, attempt: AttemptLog, kept: tuple[AttemptLog, ...], query: LogLinesQuery
) -> LogLinesPage:
    start = max(query.after or 0, attempt.first_line - 1)
    gathering = Gathering(Wanted.by(query), query.limit, _MOST_BYTES_ANSWERED, start)

    async def fetch(position: int) -> Sequence[Batch]:
        return await logs.batches_after(
            connection, job_no, attempt.attempt, position, MOST_LINES_OF_A_REPORT, _BATCHES_AT_ONCE
        )

    await _gather(gathering, fetch, lambda batch, at: [line for line in batch.numbered() if line.line > at])
    return LogLinesPage(
        attempt=attempt.attempt,
        lines=tuple(gathering.found),
        next_after=gathering.position,
        more_after=gathering.position < attempt.last_line,
        next_before=start + 1,
        more_before=start >= attempt.first_line,
        attempts=kept,
    )


async def _backwards(
    connection: Any, job_no: int, attempt: AttemptLog, kept: tuple[AttemptLog, ...], query: LogLinesQuery
) -> LogLinesPage:
    start = min(query.before or attempt.last_line + 1, attempt.last_line + 1)
    gathering = Gathering(Wanted.by(query), query.tail or query.limit, _MOST_BYTES_ANSWERED, start)

    async def fetch(position: int) -> Sequence[Batch]:
        return await logs.batches_before(connection, job_no, attempt.attempt, position, _BATCHES_AT_ONCE)

    await _gather(gathering, fetch, lambda batch, at: [line for line in reversed(batch.numbered()) if line.line < at])
    return LogLinesPage(
        attempt=attempt.attempt,
        lines=tuple(reversed(gathering.found)),
        next_after=start - 1,
        more_after=start - 1 < attempt.last_line,
        next_before=gathering.position,
        more_before=gathering.position > attempt.first_line,
        attempts=kept,
    )


async def _gather(gathering: Gathering, fetch: Fetch, ahead: Callable[[Batch, int], list[Any]]) -> None:
    """Read on until the page is full, the log is at its end, or enough was read."""
    read = 0
    while not gathering.full and read < _MOST_BYTES_READ and (batches := await fetch(gathering.position)):
        for batch in batches:
            gathering.look_at(ahead(batch, gathering.position))
            read += batch.bytes
