"""Columns that many tables have, and the one catalogue they stand in."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Integer, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

metadata = MetaData()


def identifier() -> Column[object]:
    return Column("id", UUID(as_uuid=True), primary_key=True)


def workspace() -> Column[object]:
    return Column("workspace_id", UUID(as_uuid=True), ForeignKey("workspaces.id"), nullable=False)


def moment(name: str, *, now: bool = False) -> Column[object]:
    if now:
        return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())
    return Column(name, DateTime(timezone=True))


def texts(name: str) -> Column[object]:
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'"))


def count(name: str, kind: type[Integer] | type[BigInteger] = Integer) -> Column[object]:
    return Column(name, kind, nullable=False, server_default=text("0"))


def json(name: str, *, default: str | None = None) -> Column[object]:
    if default is None:
        return Column(name, JSONB(none_as_null=True))
    return Column(name, JSONB, nullable=False, server_default=text(f"'{default}'"))
