"""Accounts of workspaces and users of pods at the broker: what it is told comes from here."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.provisioner.adapters.tables import broker_accounts, broker_users, pods
from services.provisioner.domain.model import PodStatus
from services.provisioner.ports import BrokerAccount, PodCredentials


async def account_of(tx: AsyncConnection, workspace_id: UUID, proposed: str) -> BrokerAccount:
    """The workspace's account; `proposed` becomes its key when it has none yet."""
    row = insert(broker_accounts).values(workspace_id=workspace_id, account_key=proposed)
    await tx.execute(row.on_conflict_do_nothing())
    mine = broker_accounts.c.workspace_id == workspace_id
    key = (await tx.execute(select(broker_accounts.c.account_key).where(mine))).scalar_one()
    users = broker_users.c.workspace_id == workspace_id
    return BrokerAccount(key, workspace_id, _revoked(await tx.execute(select(broker_users).where(users))))


async def accounts_in_use(tx: AsyncConnection) -> list[BrokerAccount]:
    """Those with users that have not expired, and who of them is revoked."""
    same = broker_users.c.workspace_id == broker_accounts.c.workspace_id
    rows = list(await tx.execute(
        select(broker_accounts.c.account_key, broker_users).join(broker_users, same)
        .order_by(broker_accounts.c.account_key, broker_users.c.user_key)))
    return [BrokerAccount(key, workspace_id, _revoked(users)) for (key, workspace_id), users in _grouped(rows)]


def _grouped(rows: list[Row[Any]]) -> Iterator[tuple[tuple[str, UUID], Iterable[Row[Any]]]]:
    return groupby(rows, key=lambda row: (row.account_key, row.workspace_id))


def _revoked(users: Iterable[Row[Any]]) -> dict[str, datetime]:
    return {user.user_key: user.expires_at for user in users if user.revoked_at is not None}


async def add_user(tx: AsyncConnection, user: PodCredentials, workspace_id: UUID, pod_name: str) -> None:
    await tx.execute(insert(broker_users).values(
        user_key=user.user, workspace_id=workspace_id, pod_name=pod_name, expires_at=user.expires_at))


async def revoke_users_of_ended(tx: AsyncConnection, now: datetime, *, last_words: timedelta) -> set[str]:
    """Users of attempts that have nothing more to say: gone, or interrupted and past their last words. Pod names."""
    ended = select(pods.c.pod_name).where(or_(
        pods.c.status == PodStatus.TERMINATED,
        (pods.c.status == PodStatus.TERMINATING)
        & or_(pods.c.ended_at.is_not(None), pods.c.interrupted_at < now - last_words)))
    mine = broker_users.c.revoked_at.is_(None) & broker_users.c.pod_name.in_(ended)
    revoked = update(broker_users).where(mine).values(revoked_at=now).returning(broker_users.c.pod_name)
    return set((await tx.execute(revoked)).scalars())


async def forget_expired(tx: AsyncConnection, before: datetime) -> None:
    """Nobody lets these users in any more, revoked or not."""
    await tx.execute(delete(broker_users).where(broker_users.c.expires_at < before))
