"""Dead letters: what is shown."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from services.job_api.edge.fields import View


class DeadLetterView(View):
    object: Literal["dead_letter"]
    sequence: int
    subject: str
    consumer: str
    error_type: str
    error: str
    deliveries: int
    message_id: str
    dead_lettered_at: datetime | None
    event: dict[str, Any] | None = Field(description="The message, where it is JSON")
    raw: str | None = Field(description="The message as text, where it is not")


class DeadLetterList(View):
    object: Literal["list"]
    data: list[DeadLetterView]
    has_more: bool
    next_cursor: str | None


class Replayed(View):
    object: Literal["replay"]
    replayed: list[int]
    failed: list[int]
