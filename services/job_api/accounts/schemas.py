"""Callers and API keys: what is asked and what is shown."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from services.job_api.edge.auth import Role
from services.job_api.edge.fields import Body, GivenName, Moment, View

Email = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=254,
                                         pattern=r"^[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00]+$|^[^@\s\x00]+@localhost$")]


class Me(View):
    object: Literal["caller"]
    subject: str
    email: str | None
    workspace_id: UUID
    workspace_name: str | None
    roles: list[Role]
    acts_as: list[Role] = Field(description="The roles whose work the caller may do: of an admin all, else `roles`")
    credential: Literal["jwt", "api_key", "session"]
    is_operator: bool = Field(description="Admins of this workspace run the installation")


class CreateApiKey(Body):
    name: GivenName
    roles: list[Role] = Field(min_length=1, max_length=4)
    email: Email | None = Field(default=None, description="Whose key it is; a new address becomes a new user. "
                                                          "Absent: the caller's own.")
    expires_at: Moment | None = None


class ApiKeyView(View):
    object: Literal["api_key"]
    id: UUID
    name: str
    prefix: str
    roles: list[Role]
    user_id: UUID
    email: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    replaces: UUID | None = Field(default=None, description="The key whose place it took")


class RotateApiKey(Body):
    keep_previous_for_s: int = Field(
        default=24 * 3600, ge=0, le=30 * 24 * 3600,
        description="The key before works on for so many seconds, until everybody who uses it has the new one.")


class NewApiKeyView(ApiKeyView):
    key: str | None = Field(default=None, description="Shown once, and not in a replayed answer.")


class ApiKeyList(View):
    object: Literal["list"]
    data: list[ApiKeyView]
    has_more: Literal[False]
    next_cursor: None


class SetMember(Body):
    email: Email = Field(description="A new address becomes a new user, who is let in at their first sign-in.")
    roles: list[Role] = Field(min_length=1, max_length=4, description="Exactly these, whatever they were before.")


class MemberView(View):
    object: Literal["member"]
    id: UUID
    email: str
    display_name: str
    roles: list[Role]
    created_at: datetime


class MemberList(View):
    object: Literal["list"]
    data: list[MemberView]
    has_more: Literal[False]
    next_cursor: None


class MemberRemoved(View):
    object: Literal["member"]
    id: UUID
    removed: Literal[True]
