"""Members of a workspace: named beforehand, given roles, removed with everything that lets them in."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.accounts import repository
from services.job_api.accounts.errors import LastAdmin, MemberNotFound
from services.job_api.callers import Caller
from services.job_api.edge.auth.principal import Role
from services.job_api.invitations import repository as invitations
from services.job_api.signin import repository as signin


@dataclass(frozen=True)
class SetMember:
    """`email` is let in at their first sign-in, if they were unknown before."""

    caller: Caller
    email: str
    roles: list[Role]


async def set_member(tx: AsyncConnection, command: SetMember, now: datetime) -> RowMapping:
    """The member with exactly these roles; keys of theirs lose what the member has lost. Invitations of somebody who is
    no admin any more let nobody in. Raises LastAdmin."""
    workspace_id = command.caller.workspace_id
    admins = await repository.lock_admins(tx, workspace_id)
    user_id = await repository.ensure_user(tx, command.email)
    if Role.ADMIN not in command.roles and list(admins) == [user_id]:
        raise LastAdmin
    await repository.set_roles(tx, workspace_id, user_id, [role.value for role in command.roles])
    if Role.ADMIN not in command.roles:
        await invitations.revoke_sent_by(tx, workspace_id, user_id, now)
    await repository.announce_change(tx)
    row = await repository.member(tx, workspace_id, user_id)
    assert row is not None
    return row


async def remove_member(tx: AsyncConnection, caller: Caller, user_id: UUID, now: datetime) -> None:
    """Sessions and keys of theirs in this workspace stop working at once, and so do invitations that they sent or
    were sent. Raises MemberNotFound, LastAdmin."""
    admins = await repository.lock_admins(tx, caller.workspace_id)
    if list(admins) == [user_id]:
        raise LastAdmin
    await invitations.revoke_those_of(tx, caller.workspace_id, user_id, now)
    if not await repository.remove_member(tx, caller.workspace_id, user_id, now):
        raise MemberNotFound(user_id)
    await signin.end_sessions_of(tx, caller.workspace_id, user_id, now)
    await repository.announce_change(tx)
