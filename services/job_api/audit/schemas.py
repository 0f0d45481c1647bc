"""The audit log: what is asked and what is shown."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.job_api.audit.domain import ActorKind, Outcome
from services.job_api.edge.fields import CommaSeparated, Moment, PlainText, Request, View

Word = Annotated[PlainText, Field(max_length=300)]


class AuditQuery(Request):
    scope: Literal["workspace", "installation"] = Field(
        default="workspace", description="`installation`: every workspace's entries, and those of callers whom nobody "
                                         "knows; for admins of the workspace that runs this installation.")
    operation: Annotated[list[Word], CommaSeparated] = Field(
        default_factory=list, description="For example revoke_api_key; any of them.")
    outcome: Annotated[list[Outcome], CommaSeparated] = Field(default_factory=list)
    actor: Word = Field(default="", description="A user's id, or a token's subject.")
    credential: Word = Field(default="", description="The prefix of an API key or session.")
    target_kind: Word = Field(default="", description="For example training_job.")
    target_id: Word = ""
    address: Word = ""
    at_or_after: Moment | None = None
    before: Moment | None = None
    limit: int = Field(default=50, ge=1, le=200)
    after: str | None = Field(default=None, max_length=500, description="next_cursor of the page before.")
    format: Literal["csv"] | None = Field(
        default=None, description="Everything that matches as one file instead of a page.")


class AuditEntryView(View):
    object: Literal["audit_entry"]
    id: UUID
    at: datetime
    workspace_id: UUID | None
    actor_kind: ActorKind
    actor: str = Field(description="A user's id, a token's subject; empty: nobody whom the server knows")
    actor_email: str | None = Field(default=None, description="Of an actor who is or was a member")
    credential: str = Field(description="The prefix of the API key or session, which opens nothing")
    operation: str
    target_kind: str
    target_id: str
    outcome: Outcome
    status: int
    code: str = Field(description="The code of the problem that was answered, if one was")
    address: str
    user_agent: str
    trace_id: str | None


class AuditList(View):
    object: Literal["list"]
    data: list[AuditEntryView]
    has_more: bool
    next_cursor: str | None
