"""Let somebody in by a link, and take the link back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.callers import Caller
from services.job_api.edge.auth.api_keys import hash_key
from services.job_api.invitations import repository
from services.job_api.invitations.domain import new_invitation_secret
from services.job_api.invitations.errors import InvitationNotFound


@dataclass(frozen=True)
class Invite:
    """`email` None: whoever has the link."""

    caller: Caller
    roles: Sequence[str]
    valid_for: timedelta
    email: str | None = None


async def invite(tx: AsyncConnection, command: Invite, now: datetime) -> tuple[RowMapping, str]:
    """The invitation as lists show it, and its secret, which is stored nowhere."""
    secret = new_invitation_secret()
    row = await repository.add(
        tx, command.caller.workspace_id, sha256=hash_key(secret), roles=sorted(set(command.roles)),
        email=command.email, invited_by=command.caller.subject, expires_at=now + command.valid_for)
    return row, secret


async def revoke_invitation(tx: AsyncConnection, caller: Caller, invitation_id: UUID, now: datetime) -> RowMapping:
    """Raises InvitationNotFound."""
    row = await repository.revoke(tx, caller.workspace_id, invitation_id, now)
    if row is None:
        raise InvitationNotFound(invitation_id)
    return row
