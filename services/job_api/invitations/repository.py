"""Invitations of a workspace. Which workspace a secret is about only its row says: it is looked up in all of them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, insert, or_, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.identifiers import uuid7
from services.job_api.accounts.tables import users, workspaces
from services.job_api.invitations.tables import invitations

_c = invitations.c
_OPEN = and_(_c.accepted_at.is_(None), _c.revoked_at.is_(None))
_SHOWN = (_c.id, _c.roles, _c.email, _c.invited_by, _c.created_at, _c.expires_at, _c.accepted_at, _c.accepted_by,
          _c.revoked_at)


async def add(
    tx: AsyncConnection, workspace_id: UUID, *, sha256: bytes, roles: Sequence[str], email: str | None,
    invited_by: str, expires_at: datetime,
) -> RowMapping:
    statement = insert(invitations).values(
        id=uuid7(), workspace_id=workspace_id, sha256=sha256, roles=list(roles), email=email, invited_by=invited_by,
        expires_at=expires_at)
    return (await tx.execute(statement.returning(*_SHOWN))).mappings().one()


async def of_workspace(tx: AsyncConnection, workspace_id: UUID) -> Sequence[RowMapping]:
    """The newest first."""
    statement = select(*_SHOWN).where(_c.workspace_id == workspace_id).order_by(_c.created_at.desc(), _c.id.desc())
    return (await tx.execute(statement)).mappings().all()


async def revoke(tx: AsyncConnection, workspace_id: UUID, invitation_id: UUID, now: datetime) -> RowMapping | None:
    """One that was accepted or revoked stays as it is."""
    mine = and_(_c.workspace_id == workspace_id, _c.id == invitation_id)
    await tx.execute(update(invitations).where(mine, _OPEN).values(revoked_at=now))
    return (await tx.execute(select(*_SHOWN).where(mine))).mappings().one_or_none()


async def usable(tx: AsyncConnection, sha256: bytes, now: datetime) -> RowMapping | None:
    """With the workspace's id and name; None: it lets nobody in."""
    statement = select(*_SHOWN, _c.workspace_id, workspaces.c.name.label("workspace_name")).join(
        workspaces, workspaces.c.id == _c.workspace_id).where(_c.sha256 == sha256, _can_be_used(now))
    return (await tx.execute(statement)).mappings().one_or_none()


async def take(tx: AsyncConnection, sha256: bytes, now: datetime) -> RowMapping | None:
    """Use it up: for whoever comes first, and for nobody if the transaction rolls back."""
    statement = update(invitations).where(_c.sha256 == sha256, _can_be_used(now)).values(accepted_at=now)
    return (await tx.execute(statement.returning(*_SHOWN, _c.workspace_id))).mappings().one_or_none()


async def accepted_by(tx: AsyncConnection, invitation_id: UUID, user_id: UUID) -> None:
    await tx.execute(update(invitations).where(_c.id == invitation_id).values(accepted_by=user_id))


async def revoke_those_of(tx: AsyncConnection, workspace_id: UUID, user_id: UUID, now: datetime) -> None:
    """What somebody who may not let anybody in any more has sent, and what was sent to them."""
    address = select(users.c.email).where(users.c.id == user_id).scalar_subquery()
    await _revoke(tx, workspace_id, or_(_c.invited_by == str(user_id), _c.email == address), now)


async def revoke_sent_by(tx: AsyncConnection, workspace_id: UUID, user_id: UUID, now: datetime) -> None:
    await _revoke(tx, workspace_id, _c.invited_by == str(user_id), now)


async def _revoke(tx: AsyncConnection, workspace_id: UUID, those: ColumnElement[bool], now: datetime) -> None:
    await tx.execute(update(invitations).where(
        _c.workspace_id == workspace_id, those, _OPEN).values(revoked_at=now))


def _can_be_used(now: datetime) -> ColumnElement[bool]:
    return and_(_OPEN, _c.expires_at > now)
