"""What a trainer's process prints."""

from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from contracts.envelope import AttemptEventData

MOST_LINES_OF_A_REPORT = 500
LONGEST_LINE = 8_000


class LogLevel(StrEnum):
    """In rising order."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogLine(BaseModel):
    """`time` in Unix seconds, by the machine's clock."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")

    time: float
    level: LogLevel = LogLevel.INFO
    text: str = Field(max_length=LONGEST_LINE)


class LogReported(AttemptEventData):
    """A batch of lines that an attempt's process wrote to its output, numbered from 1 without gaps.

    What was too much to be told is counted in a line of its own. Keys, tokens and signatures are hidden.
    """

    entity: ClassVar[str] = "log"
    event: ClassVar[str] = "reported"

    first_line: int = Field(ge=1, le=2**31 - 1)
    lines: tuple[LogLine, ...] = Field(min_length=1, max_length=MOST_LINES_OF_A_REPORT)
