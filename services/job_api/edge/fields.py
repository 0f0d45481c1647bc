"""Fields that several requests share."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints


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


PlainText = Annotated[str, AfterValidator(_without_nul)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255), AfterValidator(_without_nul)]
GivenName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), AfterValidator(_without_nul)]
Description = Annotated[str, StringConstraints(max_length=5_000), AfterValidator(_without_nul)]
Notes = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_without_nul)]
Tag = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), AfterValidator(_without_nul)]
Tags = Annotated[list[Tag], Field(max_length=20), AfterValidator(_distinct)]
PresetName = Literal["conservative", "balanced", "aggressive"]
CommaSeparated = BeforeValidator(_split)
VALIDATION = ("The validator's verdict: both perplexities, the improvement with its 95 % interval (null below 5 "
              "held-out conversations), `verdict` (too_few below 10; `missing_conversations` says how many more are "
              "needed) and the `method` that reached it")


class Request(BaseModel):
    """Unknown fields are refused: a misspelt option must not be ignored silently."""

    model_config = ConfigDict(extra="forbid")


class View(BaseModel):
    """An answer. Clients must ignore fields they do not know; new ones may be added."""

    model_config = ConfigDict(extra="forbid")
