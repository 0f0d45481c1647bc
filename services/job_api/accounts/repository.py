"""Workspaces, users and API keys."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, case, cast, delete, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database import locks
from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from contracts.identifiers import uuid7
from services.job_api.accounts.tables import api_keys, memberships, users, workspaces
from services.job_api.edge.auth import ApiKeyRecord, NewApiKey, Role

_BY_PREFIX = select(api_keys, memberships.c.roles.label("member_roles")).join(
    memberships, (memberships.c.user_id == api_keys.c.user_id)
    & (memberships.c.workspace_id == api_keys.c.workspace_id)).where(api_keys.c.prefix == bindparam("b_prefix"))


class ApiKeyTable:
    """`services.job_api.edge.auth.ApiKeyLookup` over our table. A key never has more roles than its user has now.

    The key says which workspace it is, so it is looked up in all of them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, prefix: str) -> ApiKeyRecord | None:
        with every_workspace():
            async with self._database.read() as tx:
                row = (await tx.execute(_BY_PREFIX, {"b_prefix": prefix})).mappings().one_or_none()
        return _record(row) if row else None

    async def touch(self, prefix: str, used_at: datetime) -> None:
        with every_workspace():
            async with self._database.transaction() as tx:
                await tx.execute(update(api_keys).where(api_keys.c.prefix == prefix).values(last_used_at=used_at))


def _record(row: RowMapping) -> ApiKeyRecord:
    member = set(row["member_roles"])
    granted = [Role(name) for name in row["roles"] if name in member or Role.ADMIN in member]
    return ApiKeyRecord(
        prefix=row["prefix"], sha256=row["sha256"], subject=str(row["user_id"]), workspace_id=row["workspace_id"],
        roles=frozenset(granted), expires_at=row["expires_at"], revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )


async def lock_bootstrap(tx: AsyncConnection) -> None:
    """One bootstrap at a time, until the transaction ends."""
    await tx.execute(select(func.pg_advisory_xact_lock(locks.BOOTSTRAP)))


async def operator_workspace(tx: AsyncConnection) -> RowMapping | None:
    """The one that bootstrap made for whoever runs this installation."""
    marked = select(workspaces).where(workspaces.c.is_operator)
    return (await tx.execute(marked.order_by(workspaces.c.created_at).limit(1))).mappings().one_or_none()


async def is_operator(tx: AsyncConnection, workspace_id: UUID) -> bool:
    statement = select(workspaces.c.is_operator).where(workspaces.c.id == workspace_id)
    return bool((await tx.execute(statement)).scalar_one_or_none())


async def add_operator_workspace(tx: AsyncConnection, workspace_id: UUID, name: str) -> None:
    await tx.execute(insert(workspaces).values(id=workspace_id, name=name, is_operator=True))


async def workspace(tx: AsyncConnection, workspace_id: UUID) -> RowMapping | None:
    return (await tx.execute(select(workspaces).where(workspaces.c.id == workspace_id))).mappings().one_or_none()


async def ensure_workspace(tx: AsyncConnection, workspace_id: UUID, name: str) -> None:
    await tx.execute(insert(workspaces).values(id=workspace_id, name=name).on_conflict_do_nothing())


async def ensure_user(tx: AsyncConnection, email: str, display_name: str = "") -> UUID:
    """The id of the user with this address, of whatever workspaces, who is made when unknown."""
    known: UUID = (await tx.execute(select(func.user_of_address(uuid7(), email.lower(), display_name)))).scalar_one()
    return known


async def add_roles(tx: AsyncConnection, workspace_id: UUID, user_id: UUID, roles: Sequence[str]) -> None:
    """Make the user a member with at least these roles."""
    mine = (memberships.c.workspace_id == workspace_id) & (memberships.c.user_id == user_id)
    await tx.execute(insert(memberships).values(workspace_id=workspace_id, user_id=user_id, roles=[])
                     .on_conflict_do_nothing())
    held = (await tx.execute(select(memberships.c.roles).where(mine).with_for_update())).scalar_one()
    await tx.execute(update(memberships).where(mine).values(roles=sorted({*held, *roles})))


async def add_api_key(
    tx: AsyncConnection, *, workspace_id: UUID, user_id: UUID, key: NewApiKey, name: str, roles: Sequence[str],
    created_by: str, expires_at: datetime | None = None, replaces: UUID | None = None,
) -> UUID:
    key_id = uuid7()
    await tx.execute(insert(api_keys).values(
        id=key_id, workspace_id=workspace_id, user_id=user_id, name=name, prefix=key.prefix, sha256=key.sha256,
        roles=list(roles), created_by=created_by, expires_at=expires_at, replaces=replaces))
    return key_id


async def lock_api_key(tx: AsyncConnection, workspace_id: UUID, key_id: UUID) -> RowMapping | None:
    """Until the transaction ends: a key is rotated once at a time."""
    mine = (api_keys.c.id == key_id) & (api_keys.c.workspace_id == workspace_id)
    return (await tx.execute(select(api_keys).where(mine).with_for_update())).mappings().one_or_none()


async def end_api_key(tx: AsyncConnection, workspace_id: UUID, key_id: UUID, at: datetime) -> tuple[str, ...]:
    """It works until then, unless it ends earlier. The prefix of the key; empty when there is none."""
    mine = (api_keys.c.id == key_id) & (api_keys.c.workspace_id == workspace_id)
    sooner = func.least(api_keys.c.expires_at, at)
    ended = update(api_keys).where(mine).values(expires_at=sooner).returning(api_keys.c.prefix)
    return tuple((await tx.execute(ended)).scalars())


_KEY_VIEW = (
    api_keys.c.id, api_keys.c.name, api_keys.c.prefix, api_keys.c.roles, api_keys.c.user_id, users.c.email,
    api_keys.c.created_by, api_keys.c.created_at, api_keys.c.expires_at, api_keys.c.revoked_at,
    api_keys.c.last_used_at, api_keys.c.replaces,
)


async def list_api_keys(tx: AsyncConnection, workspace_id: UUID, key_id: UUID | None = None) -> Sequence[RowMapping]:
    """Without what would let anybody use them."""
    statement = select(*_KEY_VIEW).join(users, users.c.id == api_keys.c.user_id).where(
        api_keys.c.workspace_id == workspace_id).order_by(api_keys.c.created_at.desc())
    if key_id is not None:
        statement = statement.where(api_keys.c.id == key_id)
    return (await tx.execute(statement)).mappings().all()


async def revoke_api_key(tx: AsyncConnection, workspace_id: UUID, key_id: UUID, at: datetime) -> bool:
    """False when this workspace has no such key. A revoked key keeps its first time."""
    revoked: dict[str, Any] = {"revoked_at": func.coalesce(api_keys.c.revoked_at, at)}
    statement = update(api_keys).where(api_keys.c.id == key_id, api_keys.c.workspace_id == workspace_id)
    return (await tx.execute(statement.values(**revoked))).rowcount == 1


async def user_id_of(tx: AsyncConnection, subject: str) -> UUID | None:
    """The user whose id is this subject; subjects of other identity providers are no users of ours."""
    if (user_id := _uuid(subject)) is None:
        return None
    return (await tx.execute(select(users.c.id).where(users.c.id == user_id))).scalar_one_or_none()


async def email_of(tx: AsyncConnection, subject: str) -> str | None:
    return (await emails_of(tx, {subject})).get(subject)


async def emails_of(tx: AsyncConnection, subjects: Collection[str]) -> dict[str, str]:
    """By subject, of those who are users of ours."""
    ids = {user_id: subject for subject in subjects if (user_id := _uuid(subject)) is not None}
    if not ids:
        return {}
    rows = await tx.execute(select(users.c.id, users.c.email).where(users.c.id.in_(ids)))
    return {ids[user_id]: email for user_id, email in rows}


async def names_of(tx: AsyncConnection, workspace_id: UUID, subjects: Collection[str]) -> dict[str, str]:
    """By subject, of those who are members now: their name, or their address where they gave none."""
    ids = {user_id: subject for subject in subjects if (user_id := _uuid(subject)) is not None}
    if not ids:
        return {}
    rows = await tx.execute(_MEMBER.where(memberships.c.workspace_id == workspace_id, users.c.id.in_(ids)))
    return {ids[row.user_id]: row.display_name or row.email for row in rows}


# Subjects of other issuers are no ids of ours; a cast of one would fail.
_LOOKS_LIKE_OURS: Any = literal_column("'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'")
WITH_USERS = memberships.join(users, users.c.id == memberships.c.user_id)


def is_member(workspace_id: Any, subject: Any) -> Any:
    """Of a row of `memberships`: that of who is named by a column of another table, in the row's workspace."""
    user_id = case((subject.op("~")(_LOOKS_LIKE_OURS), cast(subject, Uuid)))
    return (memberships.c.workspace_id == workspace_id) & (memberships.c.user_id == user_id)


def name_beside(subject: Any) -> Any:
    """A column of a table that names a workspace and a subject: the name of who that is, as in `names_of`; null where
    nobody is a member now."""
    name = func.coalesce(func.nullif(users.c.display_name, ""), users.c.email)
    statement = select(name).select_from(WITH_USERS).where(is_member(subject.table.c.workspace_id, subject))
    return statement.correlate(subject.table).scalar_subquery().label(f"{subject.name}_name")


def _uuid(subject: str) -> UUID | None:
    try:
        return UUID(subject)
    except ValueError:
        return None


_MEMBER = select(
    memberships.c.user_id, users.c.email, users.c.display_name, memberships.c.roles, memberships.c.created_at,
).join(users, users.c.id == memberships.c.user_id)


async def members(tx: AsyncConnection, workspace_id: UUID) -> Sequence[RowMapping]:
    statement = _MEMBER.where(memberships.c.workspace_id == workspace_id).order_by(users.c.email)
    return (await tx.execute(statement)).mappings().all()


async def member(tx: AsyncConnection, workspace_id: UUID, user_id: UUID) -> RowMapping | None:
    statement = _MEMBER.where(memberships.c.workspace_id == workspace_id, memberships.c.user_id == user_id)
    return (await tx.execute(statement)).mappings().one_or_none()


async def lock_admins(tx: AsyncConnection, workspace_id: UUID) -> Sequence[UUID]:
    """Who they are; nobody becomes one or ceases to be one until the transaction ends."""
    await tx.execute(select(workspaces.c.id).where(workspaces.c.id == workspace_id).with_for_update(key_share=True))
    admins = select(memberships.c.user_id).where(
        memberships.c.workspace_id == workspace_id, memberships.c.roles.contains([Role.ADMIN.value]))
    return (await tx.execute(admins)).scalars().all()


async def set_roles(tx: AsyncConnection, workspace_id: UUID, user_id: UUID, roles: Sequence[str]) -> None:
    """Make the user a member with exactly these roles."""
    values = {"roles": sorted(set(roles))}
    statement = insert(memberships).values(workspace_id=workspace_id, user_id=user_id, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["workspace_id", "user_id"], set_=values))


async def remove_member(tx: AsyncConnection, workspace_id: UUID, user_id: UUID, at: datetime) -> bool:
    """With every key of theirs, for good: whoever is let in again gets new ones. False: there is no such member."""
    theirs = (api_keys.c.workspace_id == workspace_id) & (api_keys.c.user_id == user_id)
    await tx.execute(update(api_keys).where(theirs, api_keys.c.revoked_at.is_(None)).values(revoked_at=at))
    mine = (memberships.c.workspace_id == workspace_id) & (memberships.c.user_id == user_id)
    return (await tx.execute(delete(memberships).where(mine))).rowcount == 1


CREDENTIAL_CHANNEL = "job_api_credentials"


async def announce_change(tx: AsyncConnection) -> None:
    """Every process forgets the keys and sessions that it has looked up, once this transaction is committed."""
    await tx.execute(select(func.pg_notify(CREDENTIAL_CHANNEL, "")))
