"""Fields that several requests share."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.job_api.edge.json_types import JsonTypes

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")
# What the schema says of a text beside its length. Checked by code: the patterns only document it.
_WITHOUT_NUL = r"^[^\x00]*$"
_NOT_BLANK = r"^[^\x00]*[^\x00\s\x1c-\x1f\x85\ufeff][^\x00]*$"


def _without_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("the character U+0000 cannot be stored")
    return value


def _split(value: Any) -> Any:
    """`?status=queued,training` as well as `?status=queued&status=training`."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list):
        return given
    return [part for item in given for part in (item.split(",") if isinstance(item, str) else [item]) if part != ""]


def _distinct(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


def _rfc3339(value: Any) -> Any:
    """pydantic would take a number for seconds since 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and _MOMENT.match(value)):
        return value
    raise PydanticCustomError("datetime_parsing", "Input should be a date with a time and a zone")


PlainText = Annotated[str, AfterValidator(_without_nul), Field(json_schema_extra={"pattern": _WITHOUT_NUL})]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(_without_nul),
                 Field(json_schema_extra={"pattern": _WITHOUT_NUL})]
GivenName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), AfterValidator(_without_nul),
    Field(json_schema_extra={"pattern": _NOT_BLANK})]
Description = Annotated[str, StringConstraints(max_length=5_000), AfterValidator(_without_nul),
                        Field(json_schema_extra={"pattern": _WITHOUT_NUL})]
Notes = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_without_nul),
                  Field(json_schema_extra={"pattern": _WITHOUT_NUL})]
Tag = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), AfterValidator(_without_nul),
    Field(json_schema_extra={"pattern": _NOT_BLANK})]
Label = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_without_nul),
                  Field(json_schema_extra={"pattern": _WITHOUT_NUL})]
Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]
Tags = Annotated[list[Tag], Field(max_length=20), AfterValidator(_distinct)]
PresetName = Literal["conservative", "balanced", "aggressive"]
CommaSeparated = BeforeValidator(_split)
VALIDATION = ("The validator's verdict: both perplexities, the improvement with its 95 % interval (null below 5 "
              "held-out conversations), `verdict` (too_few below 10; `missing_conversations` says how many more are "
              "needed) and the `method` that reached it")


class Request(BaseModel):
    """Unknown fields are refused: a misspelt option must not be ignored silently."""

    model_config = ConfigDict(extra="forbid")


class Body(Request, JsonTypes):
    """A request's JSON."""


class View(BaseModel):
    """An answer. Clients must ignore fields they do not know; new ones may be added."""

    model_config = ConfigDict(extra="forbid")
