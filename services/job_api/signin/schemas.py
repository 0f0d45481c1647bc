"""Sign-in: what is asked and what is answered."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.job_api.edge.auth import Role
from services.job_api.edge.fields import Body, PlainText, Request, View
from services.job_api.signin.domain import CHALLENGE


class BeginQuery(Request):
    redirect_uri: Annotated[PlainText, Field(max_length=2_000)] = Field(
        description="Where the code goes: http://127.0.0.1:<port>/..., an address that the installation names, or "
                    "urn:brightrun:show-code to have it shown.")
    code_challenge: str = Field(pattern=CHALLENGE, description="S256 of a verifier that only the caller has (RFC 7636)")
    code_challenge_method: Literal["S256"] = "S256"
    state: Annotated[PlainText, Field(max_length=500)] = Field(default="", description="Comes back with the code.")
    workspace_id: UUID | None = Field(default=None, description="Absent: the one the user joined first.")
    invitation: Annotated[PlainText, Field(max_length=200)] = Field(
        default="", description="The secret of an invitation that is accepted by this sign-in.")


class CallbackQuery(Request):
    """Issuers add parameters of their own."""

    model_config = ConfigDict(extra="ignore")

    state: str = Field(default="", max_length=500)
    code: str = Field(default="", max_length=4_000)
    error: str = Field(default="", max_length=500)
    iss: str = Field(default="", max_length=2_000)


class RedeemCode(Body):
    code: str = Field(min_length=1, max_length=200)
    code_verifier: str = Field(min_length=43, max_length=128)


class SessionView(View):
    object: Literal["session"]
    id: UUID
    token: str | None = Field(description="Send it as `Authorization: Bearer ...`. Shown once.")
    token_type: Literal["Bearer"]
    expires_at: datetime
    user_id: UUID
    email: str | None
    workspace_id: UUID
    roles: list[Role]


class SignedOut(View):
    object: Literal["session"]
    id: UUID
    signed_out: Literal[True]
