"""Every service has the same floors; each rule has a proof that it can fail."""

import ast
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from tests.architecture.test_layers import PACKAGES, ROOT, lint_imports

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
FLOORS = next(contract for contract in CONTRACTS if contract["name"] == "the floors of a service")
SERVICES = [container.partition(".")[2] for container in FLOORS["containers"]]
_STATEMENT = re.compile(
    r"(?i)^\s*(select\b.+\bfrom\b|select pg_|insert into\b|update \w+ set\b|delete from\b|with \w+ as\b"
    r"|(create|alter|drop|lock|truncate) \w*\s*table\b|notify\b|listen\b)", re.DOTALL
)
_SQL_LIBRARIES = ("sqlalchemy", "asyncpg")
# A use case may be handed a transaction, name its type and know the driver's errors.
_TYPES = {"AsyncConnection", "Row"}


def sql_in(source: str) -> list[str]:
    """Statements in string literals, and what is imported to build them."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _STATEMENT.match(node.value):
            found.append(node.value)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_SQL_LIBRARIES):
            found += [
                f"{node.module}.{alias.name}" for alias in node.names
                if alias.name not in _TYPES and not (node.module or "").endswith("exceptions")
            ]
    return found


def outside_of_adapters(service: str) -> list[Path]:
    folder = ROOT / "services" / service
    return [path for path in folder.rglob("*.py") if not {"adapters", "migrations"} & set(path.parts)]


@pytest.mark.parametrize("service", SERVICES)
def test_sql_lies_in_adapters_only(service: str) -> None:
    found = {path.name: sql_in(path.read_text()) for path in outside_of_adapters(service)}
    assert found
    assert {name: statements for name, statements in found.items() if statements} == {}


@pytest.mark.parametrize(
    "source",
    [
        'run("SELECT job_no FROM jobs")', 'run("""\nINSERT INTO jobs VALUES (1)""")', 'run(f"DELETE FROM {table}")',
        "from sqlalchemy import select", "from sqlalchemy.dialects.postgresql import insert", 'run("NOTIFY wake")',
    ],
)  # fmt: skip
def test_the_sql_rule_sees_statements_and_builders(source: str) -> None:
    assert sql_in(source)


@pytest.mark.parametrize(
    "source", ["from sqlalchemy.ext.asyncio import AsyncConnection", 'log("update of the job failed")', '"""Select."""']
)
def test_the_sql_rule_leaves_types_and_words_alone(source: str) -> None:
    assert sql_in(source) == []


@pytest.mark.parametrize(
    ("place", "shortcut"),
    [
        ("notifier/domain/shortcut.py", "from services.notifier.ports import Sender"),
        ("notifier/domain/shortcut.py", "from chassis.clock import Clock"),
        ("notifier/application/shortcut.py", "from services.notifier.adapters.slack import SlackSender"),
        ("metrics_ingest/application/shortcut.py", "from services.metrics_ingest.adapters.hot_window import *"),
        ("metrics_ingest/adapters/shortcut.py", "from services.metrics_ingest.application.queries import latest"),
        ("validator/application/shortcut.py", "from services.validator.subscribers import events"),
    ],
)
def test_a_shortcut_between_floors_is_caught(tmp_path: Path, place: str, shortcut: str) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("*.json", "__pycache__"))
    (tmp_path / "services" / place).write_text(f"{shortcut}\n")
    result = lint_imports(tmp_path)
    assert result.returncode != 0
    assert f"services.{place.removesuffix('.py').replace('/', '.')}" in result.stdout
