"""What an installation may say about streams; everything else about them is `contracts/streams.py`."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.streams import DAY_S, DEAD_LETTER_STREAM, STREAMS, StreamSpec


class StreamSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BRIGHTRUN_", env_ignore_empty=True, extra="ignore", frozen=True)

    # A replayed dead letter must not bring a deleted job back: services remember those for 120 days.
    dead_letter_retention_days: int = Field(default=90, ge=1, le=110)

    def applied(self, streams: Sequence[StreamSpec] = STREAMS) -> tuple[StreamSpec, ...]:
        """The table with what is said here."""
        age = self.dead_letter_retention_days * DAY_S
        return tuple(replace(spec, max_age_s=age) if spec.name == DEAD_LETTER_STREAM else spec for spec in streams)


def streams_of_installation() -> tuple[StreamSpec, ...]:
    """Raises SystemExit with the name of a variable that cannot be used."""
    try:
        return StreamSettings().applied()
    except ValidationError as error:
        said = "; ".join(f"BRIGHTRUN_{str(found['loc'][0]).upper()}: {found['msg']}" for found in error.errors())
        raise SystemExit(said) from None
