"""An invitation is accepted with a first API key (here) or by signing in (`signin.application.admit`)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from services.job_api.accounts import repository as accounts
from services.job_api.edge.auth.api_keys import NewApiKey, hash_key, new_api_key
from services.job_api.invitations import repository
from services.job_api.invitations.errors import (
    AddressMissing,
    AlreadyMember,
    InvitationForAnother,
    InvitationNotUsable,
)


@dataclass(frozen=True)
class AcceptWithKey:
    """`email`: whose key it becomes, where the invitation does not say it."""

    secret: str
    key_name: str
    email: str | None = None


@dataclass(frozen=True)
class Accepted:
    invitation_id: UUID
    user_id: UUID
    key: NewApiKey
    key_row: RowMapping


async def look_at(database: Database, secret: str, now: datetime) -> RowMapping:
    """Raises InvitationNotUsable."""
    with every_workspace():
        async with database.read() as tx:
            row = await repository.usable(tx, hash_key(secret), now)
    if row is None:
        raise InvitationNotUsable
    return row


async def accept_with_key(tx: AsyncConnection, command: AcceptWithKey, now: datetime) -> Accepted:
    """In the workspace of the invitation. Raises InvitationNotUsable, InvitationForAnother, AddressMissing,
    AlreadyMember."""
    row = await repository.take(tx, hash_key(command.secret), now)
    if row is None:
        raise InvitationNotUsable
    user_id = await accounts.ensure_user(tx, await _address(tx, row, command.email))
    await _let_in(tx, row, user_id)
    key = new_api_key()
    key_id = await accounts.add_api_key(
        tx, workspace_id=row["workspace_id"], user_id=user_id, key=key, name=command.key_name, roles=row["roles"],
        created_by=str(user_id))
    return Accepted(
        row["id"], user_id, key, (await accounts.list_api_keys(tx, row["workspace_id"], key_id))[0])


async def accept_signed_in(
    tx: AsyncConnection, invitation_sha256: bytes, user_id: UUID, now: datetime
) -> UUID:
    """The workspace that the user is a member of now. Raises InvitationNotUsable, InvitationForAnother."""
    row = await repository.take(tx, invitation_sha256, now)
    if row is None:
        raise InvitationNotUsable
    if row["email"] is not None and row["email"] != await accounts.email_of(tx, str(user_id)):
        raise InvitationForAnother
    await _let_in(tx, row, user_id)
    workspace_id: UUID = row["workspace_id"]
    return workspace_id


async def _let_in(tx: AsyncConnection, row: RowMapping, user_id: UUID) -> None:
    await accounts.add_roles(tx, row["workspace_id"], user_id, row["roles"])
    await repository.accepted_by(tx, row["id"], user_id)
    await accounts.announce_change(tx)


async def _address(tx: AsyncConnection, row: RowMapping, said: str | None) -> str:
    """The invitation's own; a name that nobody vouched for must be a new one in the workspace."""
    named: str | None = row["email"]
    if named is not None:
        if said is not None and said != named:
            raise InvitationForAnother
        return named
    if said is None:
        raise AddressMissing
    if said in {member["email"] for member in await accounts.members(tx, row["workspace_id"])}:
        raise AlreadyMember
    return said
