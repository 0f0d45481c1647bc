"""RFC 9457 problem documents: the one shape of every error that leaves a service."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Problem(BaseModel):
    """`code` is stable and machine-readable; `suggested_fix` says what to do next in one sentence."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = None
    code: str
    suggested_fix: str = ""
    docs_url: str = ""
    trace_id: str | None = None
    errors: list[dict[str, Any]] | None = None
