"""SQL lies in adapters and repositories only; the rule has a proof that it can fail."""

from pathlib import Path

import pytest

from tests.architecture.skeleton import ROOT
from tests.architecture.sql import sql_in

SERVICES = ROOT / "services"
# By floor in the services of one subject, by feature in job_api.
_PLACES = {"adapters", "migrations", "repository", "tables", "columns"}


def holds_sql(path: Path) -> bool:
    parts = path.relative_to(SERVICES).with_suffix("").parts
    return bool(_PLACES & set(parts)) or parts[:3] == ("job_api", "edge", "idempotency")


def outside() -> list[Path]:
    return [path for path in SERVICES.rglob("*.py") if not holds_sql(path)]


@pytest.mark.parametrize("path", outside(), ids=lambda path: str(path.relative_to(SERVICES)))
def test_sql_lies_in_adapters_only(path: Path) -> None:
    assert sql_in(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        'run("SELECT job_no FROM jobs")', 'run("""\nINSERT INTO jobs VALUES (1)""")', 'run(f"DELETE FROM {table}")',
        "from sqlalchemy import select", "from sqlalchemy.dialects.postgresql import insert", 'run("NOTIFY wake")',
        "import asyncpg", "import sqlalchemy as sa", "async def f(tx, s):\n    await tx.execute(s)\n",
    ],
)  # fmt: skip
def test_the_rule_sees_statements_builders_and_executions(source: str) -> None:
    assert sql_in(source)


@pytest.mark.parametrize(
    "source", ["from sqlalchemy.ext.asyncio import AsyncConnection", 'log("update of the job failed")', '"""Select."""']
)
def test_the_rule_leaves_types_and_words_alone(source: str) -> None:
    assert sql_in(source) == []


@pytest.mark.parametrize(
    "inner",
    ["validator/application/queries.py", "provisioner/application/workers/reaper.py", "job_api/jobs/routes/history.py"],
)
def test_inner_floors_are_looked_at(inner: str) -> None:
    assert SERVICES / inner in outside()
