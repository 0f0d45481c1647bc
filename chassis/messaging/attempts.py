"""How often a message was begun and failed, kept where it survives the process: a message that kills it must not
kill it for ever.

Only messages that come a second time are looked up here, so a message that goes well costs nothing. Deliveries
themselves cannot be counted: they include those that only waited for the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from chassis.messaging.raw_message import MESSAGE_ID_HEADER, RawMessage


def attempts_table(metadata: MetaData) -> Table:
    """`begun` counts the starts of a handler since its last known end, `failures` the errors it raised."""
    return Table(
        "message_attempts",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("stream", Text, primary_key=True),
        Column("sequence", BigInteger, primary_key=True),
        Column("message_id", Text, primary_key=True),  # a stream that was made anew counts from 1 again
        Column("begun", Integer, nullable=False, server_default="0"),
        Column("failures", Integer, nullable=False, server_default="0"),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("message_attempts_updated_at", "updated_at"),
    )


ATTEMPTS = attempts_table(MetaData())


@dataclass(frozen=True)
class Attempts:
    """`unended` starts ended with the process: no error, no acknowledgement, nothing."""

    unended: int = 0
    failures: int = 0


class AttemptLog:
    """The attempts of one durable consumer."""

    def __init__(self, database: Database, consumer: str) -> None:
        self._database, self._consumer = database, consumer

    async def of(self, raws: Sequence[RawMessage]) -> list[Attempts]:
        """In the order of `raws`."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(ATTEMPTS).where(self._among(raws)))).all()
        known = {(row.stream, row.sequence, row.message_id): Attempts(row.begun, row.failures) for row in rows}
        return [known.get(_key(raw), Attempts()) for raw in raws]

    async def begin(self, raws: Sequence[RawMessage]) -> None:
        """Leave a trace that a crash does not wipe out."""
        await self._upsert(raws, {"begun": 1}, begun=ATTEMPTS.c.begun + 1)

    async def failed(self, raw: RawMessage) -> int:
        """Count a failure; how many there have been."""
        return await self._upsert([raw], {"failures": 1}, failures=ATTEMPTS.c.failures + 1, begun=0)

    async def ended(self, raws: Sequence[RawMessage]) -> None:
        """The handler came to an end that says nothing about the message: a deferral, a shutdown."""
        async with self._database.transaction() as tx:
            await tx.execute(update(ATTEMPTS).where(self._among(raws)).values(begun=0, updated_at=func.now()))

    async def forget(self, raws: Sequence[RawMessage]) -> None:
        async with self._database.transaction() as tx:
            await tx.execute(delete(ATTEMPTS).where(self._among(raws)))

    async def _upsert(self, raws: Sequence[RawMessage], first: dict[str, int], **changes: Any) -> int:
        rows = [{**dict(zip(_KEY, _key(raw), strict=True)), "consumer": self._consumer, **first} for raw in raws]
        statement = insert(ATTEMPTS).values(rows).on_conflict_do_update(
            constraint=ATTEMPTS.primary_key, set_={**changes, "updated_at": func.now()}
        ).returning(ATTEMPTS.c.failures)
        async with self._database.transaction() as tx:
            return int(max((await tx.execute(statement)).scalars()))

    def _among(self, raws: Sequence[RawMessage]) -> Any:
        return (ATTEMPTS.c.consumer == self._consumer) & tuple_(*(ATTEMPTS.c[name] for name in _KEY)).in_(
            [_key(raw) for raw in raws])


_KEY = ("stream", "sequence", "message_id")


def _key(raw: RawMessage) -> tuple[str, int, str]:
    return raw.stream, raw.stream_sequence, raw.headers.get(MESSAGE_ID_HEADER, "")


async def prune_attempts(tx: AsyncConnection, *, older_than: timedelta = timedelta(days=15)) -> int:
    """Forget attempts at messages that no stream holds any more (streams keep 14 days)."""
    return (await tx.execute(delete(ATTEMPTS).where(ATTEMPTS.c.updated_at < func.now() - older_than))).rowcount
