"""A machine's own log, read as the store of lines is: for output of which nothing was told."""

from contracts.events.log import LogLevel
from contracts.rpc.logs import LogLinesQuery
from services.job_api.jobs.domain.trainer_output import Line, TrainerOutput

_GRAVE = (LogLevel.WARNING, LogLevel.ERROR)


def lines_of(text: str, attempt: int | None, query: LogLinesQuery) -> TrainerOutput:
    """The page of `text` that was asked for. Its lines have no time, and no level but `info`."""
    rows = [Line(number, None, LogLevel.INFO, line) for number, line in enumerate(text.splitlines(), 1)]
    wanted = [] if query.level in _GRAVE else [row for row in rows if query.search.lower() in row.text.lower()]
    if query.tail or query.before:
        ahead = [row for row in wanted if query.before is None or row.line < query.before]
        shown = ahead[-(query.tail or query.limit) :]
        first, last = _bounds(shown, len(ahead) > len(shown), 1, min(len(rows), (query.before or len(rows) + 1) - 1))
    else:
        behind = [row for row in wanted if row.line > (query.after or 0)]
        shown = behind[: query.limit]
        last = shown[-1].line if len(behind) > len(shown) else max(len(rows), query.after or 0)
        first = (query.after or 0) + 1
    return TrainerOutput(
        attempt=attempt, source="machine", lines=tuple(shown), next_after=last, next_before=first,
        more_after=last < len(rows), more_before=first > 1 and bool(rows))


def _bounds(shown: list[Line], more_ahead: bool, first: int, last: int) -> tuple[int, int]:
    return (shown[0].line if more_ahead and shown else first), last
