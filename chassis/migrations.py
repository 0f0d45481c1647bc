"""Pieces for the services' own migrations."""

from typing import Any

from sqlalchemy import MetaData, Table
from sqlalchemy.schema import Column

from chassis.inbox import inbox_table
from chassis.outbox import outbox_table


def create_messaging_tables(op: Any) -> None:
    """Create `outbox` and `inbox`, as the first step of a service's first migration (`op`: alembic operations)."""
    metadata = MetaData()
    for table in (outbox_table(metadata), inbox_table(metadata)):
        _create(op, table)


def _create(op: Any, table: Table) -> None:
    columns: list[Column[Any]] = [column._copy() for column in table.columns]
    op.create_table(table.name, *columns)
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        where = index.dialect_options["postgresql"]["where"]
        op.create_index(index.name, table.name, [column.name for column in index.columns], postgresql_where=where)
