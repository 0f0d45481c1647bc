"""The trainer's output, by lines and by bytes."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from contracts.rpc.logs import MOST_LINES_OF_A_PAGE, AttemptLog
from services.job_api.edge.fields import PlainText, Request, View

_LARGEST_OFFSET = 2**63 - 1
_LARGEST_LINE = 2**31 - 1
_DIRECTIONS = ("after", "before", "tail")
_OF_LINES = (*_DIRECTIONS, "limit", "level", "search")
_OF_BYTES = ("offset", "max_bytes")


class LogQuery(Request):
    """Lines where one of `after`, `before`, `tail`, `limit`, `level` and `search` is given; bytes otherwise."""

    attempt: int | None = Field(default=None, ge=1, le=10_000, description="The newest when absent.")
    after: int | None = Field(default=None, ge=0, le=_LARGEST_LINE, description="Lines behind this one, forwards.")
    before: int | None = Field(default=None, ge=1, le=_LARGEST_LINE, description="Lines ahead of this one, backwards.")
    tail: int | None = Field(default=None, ge=1, le=MOST_LINES_OF_A_PAGE, description="The last so many lines.")
    limit: int = Field(default=200, ge=1, le=MOST_LINES_OF_A_PAGE, description="Lines of a page.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="debug", description="Of this level or a graver one.")
    search: Annotated[PlainText, Field(max_length=200)] = Field(
        default="", description="Lines that contain this text, in upper or lower case.")
    offset: int = Field(default=0, ge=0, le=_LARGEST_OFFSET, description="next_offset of the answer before.")
    max_bytes: int = Field(default=100_000, ge=1, le=500_000)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = self.model_fields_set
        if self.by_lines and given.intersection(_OF_BYTES):
            raise PydanticCustomError("two_ways", "Read by lines or by bytes (offset, max_bytes), not both at once")
        if len(given.intersection(_DIRECTIONS)) > 1:
            raise PydanticCustomError("two_directions", "Give one of after, before and tail")
        return self

    @property
    def by_lines(self) -> bool:
        return bool(self.model_fields_set.intersection(_OF_LINES))


class LogLineView(View):
    line: int = Field(description="Counted from 1 in each attempt")
    time: datetime | None = Field(description="By the machine's clock; null where only the machine's own log is there")
    level: Literal["debug", "info", "warning", "error"]
    text: str


class LogView(View):
    """`text` is the same as the lines. Everything but `text` and `next_offset` may be ignored by who reads bytes."""

    object: Literal["training_job.log"]
    job_id: UUID
    attempt: int | None
    source: Literal["store", "machine"] = Field(
        description="machine: its own log, read at this moment, because nothing was told yet; its lines are "
        "counted anew once there is a store of them")
    lines: list[LogLineView] | None = Field(description="null where bytes were asked for")
    next_after: int | None = Field(description="`after` of the page behind this one, or of the next look")
    next_before: int | None = Field(description="`before` of the page ahead of this one")
    more_after: bool | None
    more_before: bool | None
    attempts: list[AttemptLog] = Field(description="Which lines of which attempts are kept")
    text: str
    next_offset: int
    end: bool = Field(description="Nothing more is there at present")
    details: dict[str, Any]
