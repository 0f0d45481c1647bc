"""Dead letters and the state of the system: what is shown."""

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
    truncated_from: int | None = Field(
        description="Bytes of the whole message, where only its beginning is kept; such a one cannot be replayed")


class DeadLetterList(View):
    object: Literal["list"]
    data: list[DeadLetterView]
    has_more: bool
    next_cursor: str | None


class Replayed(View):
    object: Literal["replay"]
    replayed: list[int]
    failed: list[int]


class PartStatusView(View):
    name: str
    title: str
    status: Literal["ok", "degraded", "failed"]
    message: str = Field(description="What is wrong, in words; empty when all is well")
    suggested_fix: str


class SystemStatusView(View):
    object: Literal["system_status"]
    status: Literal["ok", "degraded", "unavailable"]
    parts: list[PartStatusView]
