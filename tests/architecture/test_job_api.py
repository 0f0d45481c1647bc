"""The rules inside job_api, each with a proof that it can fail."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import services.job_api
from services.job_api.errors import DomainError
from services.job_api.problem_table import PROBLEMS
from tests.architecture.skeleton import ROOT, make_skeleton
from tests.architecture.test_layers import lint_imports

SERVICE = ROOT / "services" / "job_api"
# Names of sqlalchemy that say what is handed on, and build nothing.
_HANDED_ON = {"AsyncConnection", "RowMapping", "Row"}


@pytest.mark.parametrize(("module", "forbidden", "rule"), [
    ("jobs/application/shortcut.py", "services.job_api.jobs.routes", "floors of each feature"),
    ("jobs/repository/shortcut.py", "services.job_api.jobs.application", "floors of each feature"),
    ("webhook/application/shortcut.py", "services.job_api.webhook.presenter", "floors of each feature"),
    ("accounts/domain.py", "services.job_api.accounts.repository", "floors of each feature"),
    ("artifacts/application/shortcut.py", "services.job_api.edge.responses", "speak no HTTP"),
    ("files/service.py", "services.job_api.edge.idempotency", "speak no HTTP"),
    ("jobs/domain/shortcut.py", "services.job_api.jobs.problems", "speak no HTTP"),
    ("costs/service.py", "chassis.web.problems", "speak no HTTP"),
])
def test_a_shortcut_through_the_floors_is_caught(tmp_path: Path, module: str, forbidden: str, rule: str) -> None:
    make_skeleton(tmp_path)
    (tmp_path / "services" / "job_api" / module).write_text(f"import {forbidden}\n")
    result = lint_imports(tmp_path)
    assert result.returncode != 0
    broken = [line for line in result.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(rule in line for line in broken), result.stdout


def test_the_skeleton_by_itself_breaks_no_rule(tmp_path: Path) -> None:
    make_skeleton(tmp_path)
    assert lint_imports(tmp_path).returncode == 0


def holds_sql(path: Path) -> bool:
    """Where SQL belongs: repositories, tables, migrations, and the claims of idempotency keys."""
    parts = path.relative_to(SERVICE).with_suffix("").parts
    return bool({"repository", "tables", "migrations", "columns"} & set(parts)) or parts[:2] == ("edge", "idempotency")


def sql_in(source: str) -> list[str]:
    """What a module takes from sqlalchemy to build statements, and statements it runs."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [item.name for item in node.names if item.name.partition(".")[0] in ("sqlalchemy", "asyncpg")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ("sqlalchemy", "asyncpg"):
            found += [item.name for item in node.names if item.name not in _HANDED_ON]
        elif isinstance(node, ast.Attribute) and node.attr == "execute":
            found.append("execute")
    return found


def test_sql_lies_in_repositories() -> None:
    elsewhere = {path: sql_in(path.read_text()) for path in SERVICE.rglob("*.py") if not holds_sql(path)}
    assert {str(path.relative_to(ROOT)): found for path, found in elsewhere.items() if found} == {}


@pytest.mark.parametrize("source", [
    "from sqlalchemy import select", "import sqlalchemy as sa", "import asyncpg",
    "async def f(tx, s):\n    await tx.execute(s)\n",
])
def test_the_rule_about_sql_sees_it(source: str) -> None:
    assert sql_in(source)


def domain_errors(kind: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    for error in kind.__subclasses__():
        yield error
        yield from domain_errors(error)


def test_every_refusal_has_its_problem_document() -> None:
    for module in pkgutil.walk_packages(services.job_api.__path__, "services.job_api."):
        if module.name.endswith(".errors"):
            importlib.import_module(module.name)
    ours = {error for error in domain_errors() if error.__module__.startswith("services.")}
    assert ours == set(PROBLEMS)


def test_a_refusal_without_a_problem_document_is_seen() -> None:
    class Untold(DomainError):
        pass

    assert Untold in set(domain_errors()) - set(PROBLEMS)
