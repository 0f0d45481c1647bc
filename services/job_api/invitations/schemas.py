"""Invitations: what is asked and what is shown."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from services.job_api.accounts.schemas import Email
from services.job_api.edge.auth import Role
from services.job_api.edge.fields import Body, GivenName, View
from services.job_api.invitations.domain import InvitationStatus

Secret = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class CreateInvitation(Body):
    roles: list[Role] = Field(min_length=1, max_length=4)
    email: Email | None = Field(
        default=None, description="Nobody with another address can accept it. Absent: whoever has the link.")
    valid_for_hours: int = Field(default=7 * 24, ge=1, le=30 * 24)


class InvitationView(View):
    object: Literal["invitation"]
    id: UUID
    status: InvitationStatus
    roles: list[Role]
    email: str | None
    invited_by: str
    invited_by_email: str | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    accepted_by: UUID | None
    accepted_by_email: str | None
    revoked_at: datetime | None


class NewInvitationView(InvitationView):
    secret: str | None = Field(
        default=None, description="What the link carries. Shown once, and not in a replayed answer.")


class InvitationList(View):
    object: Literal["list"]
    data: list[InvitationView]
    has_more: Literal[False]
    next_cursor: None


class ShowInvitation(Body):
    secret: Secret


class InvitationPreview(View):
    object: Literal["invitation_preview"]
    workspace_id: UUID
    workspace_name: str
    roles: list[Role]
    email: str | None
    expires_at: datetime
    sign_in: bool = Field(description="Whether it can be accepted by signing in: `GET /auth/oidc?invitation=...`")


class AcceptInvitation(Body):
    secret: Secret
    email: Email | None = Field(default=None, description="Yours; needed where the invitation names none.")
    key_name: GivenName = "first key"
