"""The rows behind idempotency keys: claim, renew, complete, release. Time is the database's, one for all replicas."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, Table, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The scope of a key: two callers, or two paths, never meet."""

    workspace_id: UUID
    subject: str
    method: str
    path: str
    key: str

    @property
    def id(self) -> bytes:
        parts = [str(self.workspace_id), self.subject, self.method, self.path, self.key]
        return hashlib.sha256(json.dumps(parts).encode()).digest()


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """`fingerprint` is that of the request it answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    fingerprint: bytes = b""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to execute a request, until the lease runs out without being renewed."""

    key: RequestKey
    token: UUID = field(default_factory=uuid4)


class InProgress:
    """Somebody else holds the claim."""


class Claims:
    """Over the table of one service (`idempotency_table`)."""

    def __init__(self, database: Database, table: Table, *, lease_s: float = 30, keep_s: float = 24 * 3600) -> None:
        self.database, self._table = database, table
        self.lease_s, self._keep_s = lease_s, keep_s

    async def take(self, key: RequestKey) -> Claim | StoredResponse | InProgress:
        """A new claim, or why there is none. Expired rows and claims whose lease ran out are taken over.

        Does not wait for a request that is just committing its effect together with its response.
        """
        claim, table = Claim(key), self._table
        async with self.database.transaction() as tx:
            # Read before writing: even ON CONFLICT DO NOTHING would wait for a transaction that updates the row.
            find = select(table, self._free().label("free")).where(table.c.id == key.id)
            found = (await tx.execute(find)).one_or_none()
            if found is None and await self._insert(tx, claim):
                return claim
            if found is not None and found.free and await self._take_over(tx, claim):
                return claim
        if found is None or found.free or found.status is None:
            return InProgress()
        return _stored(found)

    async def renew(self, claim: Claim) -> bool:
        """False: the claim was lost or completed."""
        async with self.database.transaction() as tx:
            result = await tx.execute(update(self._table).where(self._mine(claim)).values(lease_until=self._lease()))
        return result.rowcount == 1

    async def complete(self, tx: AsyncConnection, claim: Claim, response: StoredResponse) -> bool:
        """Stores the response in the caller's transaction. False: the claim was lost, roll the effect back."""
        result = await tx.execute(
            update(self._table)
            .where(self._mine(claim))
            .values(
                completed_at=func.now(),
                fingerprint=response.fingerprint,
                status=response.status,
                headers=response.headers,
                body=response.body,
            )
        )
        return result.rowcount == 1

    async def release(self, claim: Claim) -> None:
        """Forgets a request that had no effect; a completed one stays."""
        async with self.database.transaction() as tx:
            await tx.execute(delete(self._table).where(self._mine(claim)))

    async def purge(self) -> int:
        """Deletes what is older than 24 h; run it every few minutes. Returns the number of rows."""
        async with self.database.transaction() as tx:
            result = await tx.execute(delete(self._table).where(self._table.c.expires_at < func.now()))
        return result.rowcount

    async def _insert(self, tx: AsyncConnection, claim: Claim) -> bool:
        key = claim.key
        statement = insert(self._table).values(
            id=key.id,
            workspace_id=key.workspace_id,
            subject=key.subject,
            method=key.method,
            path=key.path,
            key=key.key,
            **self._fresh(claim),
        )
        fresh = statement.on_conflict_do_nothing().returning(self._table.c.id)
        return (await tx.execute(fresh)).one_or_none() is not None

    async def _take_over(self, tx: AsyncConnection, claim: Claim) -> bool:
        empty = dict.fromkeys(("completed_at", "fingerprint", "status", "headers", "body"))
        statement = update(self._table).where(self._table.c.id == claim.key.id, self._free())
        result = await tx.execute(statement.values(**self._fresh(claim), **empty))
        return result.rowcount == 1

    def _fresh(self, claim: Claim) -> dict[str, Any]:
        return {
            "lock_token": claim.token,
            "lease_until": self._lease(),
            "created_at": func.now(),
            "expires_at": func.now() + timedelta(seconds=self._keep_s),
        }

    def _free(self) -> ColumnElement[bool]:
        table = self._table
        lease_over = and_(table.c.status.is_(None), table.c.lease_until < func.now())
        return or_(table.c.expires_at < func.now(), lease_over)

    def _mine(self, claim: Claim) -> ColumnElement[bool]:
        table = self._table
        return and_(table.c.id == claim.key.id, table.c.lock_token == claim.token, table.c.status.is_(None))

    def _lease(self) -> ColumnElement[datetime]:
        return func.now() + timedelta(seconds=self.lease_s)


def _stored(row: Row[Any]) -> StoredResponse:
    return StoredResponse(row.status, dict(row.headers), row.body, row.fingerprint)
