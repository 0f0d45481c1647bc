"""Every table of every service, from PostgreSQL's own catalogue: a table that is added is either behind the wall or on
the list of those that need none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.database.row_policies import SETTING
from stack.parts import PostgresPart
from tests.fixtures.databases import TENANT, DatabaseFactory

SERVICES = sorted(path.parent.name for path in (Path(__file__).parents[2] / "services").glob("*/migrations"))

# Tables without a workspace's data, and why.
OPEN: Mapping[str, str] = {
    "alembic_version": "which migrations have run",
    "inbox": "ids of events that were handled",
    "message_attempts": "how often a message was tried",
    "leases": "which replica does a duty",
    "cost_guard.gpu_rates": "prices of the installation",
    "cost_guard.billing_reconciliations": "when all bills were compared",
    "metrics_ingest.metric_names": "names of curves, the same for everybody",
}
# Tables with everybody's data, which requests cannot read: events on their way out, sign-ins of no workspace yet.
UNREADABLE = {"outbox", "sign_ins"}


@dataclass(frozen=True)
class Table:
    name: str
    partitioned: bool
    columns: tuple[asyncpg.Record, ...]

    def row(self, side: Side) -> dict[str, Any]:
        """Whatever identifies the row says whose it is: `id` of a job, of its file, of its workspace are one UUID."""
        wanted = [column for column in self.columns if column["required"] or column["type"] in ("uuid", "int4", "int8")]
        return {column["name"]: side.value(column["type"]) for column in wanted}


@dataclass(frozen=True)
class Side:
    id: UUID
    number: int

    def value(self, kind: str) -> Any:
        if kind.startswith("_"):
            return "{}"
        return {
            "uuid": self.id, "text": f"side {self.number}", "int4": self.number, "int8": self.number, "bool": False,
            "int2": self.number, "jsonb": "{}", "float8": 1.0, "float4": 1.0, "bytea": bytes([self.number]),
            "numeric": 1, "inet": "127.0.0.1", "timestamptz": None, "date": None}[kind]


OURS, THEIRS, NEW = Side(uuid4(), 1), Side(uuid4(), 2), Side(uuid4(), 3)

_TABLES = """
SELECT c.relname AS name, c.relkind = 'p' AS partitioned FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""
_COLUMNS = """
SELECT a.attname AS name, t.typname AS type, a.attnotnull AND NOT a.atthasdef AS required
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
"""


@pytest.fixture(params=SERVICES)
async def service(
    request: pytest.FixtureRequest, fresh_database: DatabaseFactory, postgres: PostgresPart
) -> AsyncIterator[tuple[str, asyncpg.Connection, asyncpg.Connection]]:
    """A service's name, and its database as its owner and as its tenant role see it."""
    database = await fresh_database(f"services.{request.param}")
    url = database.url.replace("+asyncpg", "")
    owner = await asyncpg.connect(url)
    tenant = await asyncpg.connect(url.replace("//postgres@", f"//{TENANT}@"))
    yield request.param, owner, tenant
    await owner.close()
    await tenant.close()


async def test_no_row_is_seen_or_written_outside_its_workspace(
    service: tuple[str, asyncpg.Connection, asyncpg.Connection]
) -> None:
    name, owner, tenant = service
    tables = await _filled(owner, name)
    assert tables
    for table in tables:
        assert await owner.fetchval(f"SELECT count(*) FROM {table.name}") == 2, table.name
        assert await _counted(tenant, table, "") == 0, f"{name}.{table.name} shows rows to a request without workspace"
        assert await _counted(tenant, table, str(OURS.id)) == 1, f"{name}.{table.name}: not one workspace's row"
        assert await _shows_only_ours(tenant, table), f"{name}.{table.name} shows another workspace's row"
        assert await _refuses(tenant, table, THEIRS), f"{name}.{table.name} takes another workspace's row"
        assert await _refuses(tenant, table, NEW), f"{name}.{table.name} takes a row of nobody's"
        assert await _deletes_only_ours(tenant, table), f"{name}.{table.name}: another workspace's row was deleted"


async def test_every_table_is_behind_the_wall_or_says_why_not(
    service: tuple[str, asyncpg.Connection, asyncpg.Connection]
) -> None:
    name, owner, _ = service
    rows = await owner.fetch(f"""
        SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS walled, c.relispartition,
               has_table_privilege('{TENANT}', c.oid, 'SELECT') AS readable
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    """)
    for row in rows:
        table = f"{name}.{row['relname']}"
        if row["relispartition"] or row["relname"] in UNREADABLE:
            assert not row["readable"], f"requests can read {table} past its parent's wall"
        elif not _is_open(name, row["relname"]):
            assert row["walled"], f"{table} has no row-level security and does not stand on the list of this test"
    assert not [key for key in OPEN if key.startswith(f"{name}.") and key[len(name) + 1:] not in
                {row["relname"] for row in rows}]


def _is_open(service: str, table: str) -> bool:
    return table in OPEN or f"{service}.{table}" in OPEN


async def _filled(owner: asyncpg.Connection, service: str) -> list[Table]:
    """All tables behind the wall, with a row of each side."""
    tables = [Table(row["name"], row["partitioned"], tuple(await owner.fetch(_COLUMNS, row["name"])))
              for row in await owner.fetch(_TABLES)
              if not _is_open(service, row["name"]) and row["name"] not in UNREADABLE]
    await owner.execute("SET session_replication_role = replica")  # no foreign keys, no triggers
    for table in tables:
        if table.partitioned:
            await owner.execute(f"CREATE TABLE {table.name}_rest PARTITION OF {table.name} DEFAULT")
        for side in (OURS, THEIRS):
            await _insert(owner, table, side)
    return tables


async def _insert(connection: asyncpg.Connection, table: Table, side: Side) -> None:
    row = table.row(side)
    moments = {name for name, value in row.items() if value is None}
    given = {name: value for name, value in row.items() if value is not None}
    types = {column["name"]: column["type"] for column in table.columns}
    values = [f"${n}::text::{types[name]}" if isinstance(value, str) else f"${n}" for n, (name, value)
              in enumerate(given.items(), 1)] + ["now()"] * len(moments)
    await connection.execute(
        f"INSERT INTO {table.name} ({', '.join([*given, *moments])}) OVERRIDING SYSTEM VALUE "
        f"VALUES ({', '.join(values)})", *given.values())


async def _counted(tenant: asyncpg.Connection, table: Table, workspace: str) -> int:
    async with tenant.transaction():
        await tenant.execute(f"SELECT set_config('{SETTING}', $1, true)", workspace)
        found: int = await tenant.fetchval(f"SELECT count(*) FROM {table.name}")
        return found


async def _shows_only_ours(tenant: asyncpg.Connection, table: Table) -> bool:
    async with tenant.transaction():
        await tenant.execute(f"SELECT set_config('{SETTING}', $1, true)", str(OURS.id))
        seen = dict(await tenant.fetchrow(f"SELECT * FROM {table.name}"))
    return THEIRS.id not in seen.values() and seen.get("job_no", OURS.number) == OURS.number


async def _refuses(tenant: asyncpg.Connection, table: Table, side: Side) -> bool:
    try:
        async with tenant.transaction():
            await tenant.execute(f"SELECT set_config('{SETTING}', $1, true)", str(OURS.id))
            await _insert(tenant, table, side)
    except asyncpg.InsufficientPrivilegeError as error:
        return "row-level security" in str(error)
    return False


async def _deletes_only_ours(tenant: asyncpg.Connection, table: Table) -> bool:
    transaction = tenant.transaction()
    await transaction.start()
    await tenant.execute(f"SELECT set_config('{SETTING}', $1, true)", str(OURS.id))
    try:
        deleted: str = await tenant.execute(f"DELETE FROM {table.name}")
    except (asyncpg.ForeignKeyViolationError, asyncpg.InsufficientPrivilegeError):  # another table's row needs it
        deleted = ""
    await transaction.rollback()
    return deleted != "DELETE 2"
