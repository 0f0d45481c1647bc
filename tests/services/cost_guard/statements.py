"""Counts the SQL statements of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from chassis.database.engine import Database


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements, in order; BEGIN and COMMIT are not among them."""
    seen: list[str] = []

    def note(connection, cursor, statement, *rest) -> None:  # type: ignore[no-untyped-def]
        seen.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
