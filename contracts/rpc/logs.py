"""What services ask metrics_ingest about the output of trainers."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.events.log import LogLevel, LogLine
from contracts.rpc.spec import Rpc

MOST_LINES_OF_A_PAGE = 1_000


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class LogLinesQuery(Model):
    """Lines of one attempt's output, of the newest one that printed anything when `attempt` is absent.

    One of `after` (forwards from that line), `before` (backwards) and `tail` (the last so many; `tail=100` is what an
    error report shows); none of them: from the beginning. `level`: of this level or a graver one. `search`: that
    contain this text, upper or lower case. `limit` is the size of a page; a page may hold fewer lines, even none,
    though more follow: a request reads a bounded piece of the log.
    """

    job_id: UUID
    workspace_id: UUID
    attempt: int | None = Field(default=None, ge=1, le=2**31 - 1)
    after: int | None = Field(default=None, ge=0, le=2**31 - 1)
    before: int | None = Field(default=None, ge=1, le=2**31 - 1)
    tail: int | None = Field(default=None, ge=1, le=MOST_LINES_OF_A_PAGE)
    level: LogLevel = LogLevel.DEBUG
    search: str = Field(default="", max_length=200)
    limit: int = Field(default=200, ge=1, le=MOST_LINES_OF_A_PAGE)

    @model_validator(mode="after")
    def _one_direction(self) -> "LogLinesQuery":
        if sum(value is not None for value in (self.after, self.before, self.tail)) > 1:
            raise ValueError("give one of after, before and tail")
        return self


class NumberedLine(LogLine):
    line: int


class AttemptLog(Model):
    """Which lines of an attempt are kept."""

    attempt: int
    first_line: int
    last_line: int


class LogLinesPage(Model):
    """Lines in rising order. `next_after` and `next_before` lead to the pages beside this one.

    `more_after` and `more_before` say whether there is anything. `attempt` is null, and `attempts` empty, where nothing
    is kept.
    """

    attempt: int | None
    lines: tuple[NumberedLine, ...] = ()
    next_after: int = 0
    next_before: int = 1
    more_after: bool = False
    more_before: bool = False
    attempts: tuple[AttemptLog, ...] = ()


LOG_LINES = Rpc("metrics_ingest", "log_lines", LogLinesQuery, LogLinesPage)
