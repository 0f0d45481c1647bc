"""Counts the SQL statements of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event, make_url

from chassis.database.engine import Database


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements that reach this database, in order; BEGIN and COMMIT are not among them."""
    seen: list[str] = []
    name = make_url(database.url).database

    def note(connection, cursor, statement, *rest) -> None:  # type: ignore[no-untyped-def]
        if connection.engine.url.database == name:
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
