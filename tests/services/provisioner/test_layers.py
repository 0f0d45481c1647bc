"""The floors of the service: who may import whom, and where SQL is written."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SERVICE = ROOT / "services" / "provisioner"
# Types of what is handed around; everything else of SQLAlchemy builds statements.
_TYPES = {"AsyncConnection", "Row", "MetaData"}


def sql_in(source: str) -> list[str]:
    """What a file takes from the database's libraries besides types."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in ("sqlalchemy", "asyncpg")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("sqlalchemy", "asyncpg"):
            found += [alias.name for alias in node.names if alias.name not in _TYPES]
    return found


def test_sql_is_written_in_adapters_only() -> None:
    files = [path for path in SERVICE.rglob("*.py") if not {"adapters", "migrations"} & set(path.parts)]
    assert files
    assert {str(path): found for path in files if (found := sql_in(path.read_text()))} == {}


@pytest.mark.parametrize("source", ["from sqlalchemy import select", "import asyncpg", "import sqlalchemy as sa"])
def test_the_rule_about_sql_can_fail(source: str) -> None:
    assert sql_in(source)


def lint_imports(folder: Path) -> str:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [program, "--config", str(folder / "pyproject.toml"), "--no-cache"], cwd=folder, text=True,
        capture_output=True, check=False, env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"})
    return "" if done.returncode == 0 else done.stdout


@pytest.mark.parametrize(("module", "statement"), [
    ("domain/policy.py", "from services.provisioner.adapters import tables"),
    ("application/pod_events.py", "from services.provisioner.workers import context"),
    ("application/pod_events.py", "from services.provisioner.adapters import local"),
    ("workers/context.py", "from services.provisioner.adapters import nats_access"),
])
def test_a_way_upwards_is_caught(tmp_path: Path, module: str, statement: str) -> None:
    rules = (ROOT / "pyproject.toml").read_text()
    floors = [part for part in rules.split("[[tool.importlinter.contracts]]") if "the provisioner" in part]
    (tmp_path / "pyproject.toml").write_text(
        '[tool.importlinter]\nroot_packages = ["services"]\n'
        + "".join(f"[[tool.importlinter.contracts]]{part}" for part in floors))
    for path in SERVICE.rglob("*.py"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    (tmp_path / "services" / "__init__.py").touch()
    assert lint_imports(tmp_path) == ""
    spoiled = tmp_path / "services" / "provisioner" / module
    spoiled.write_text(f"{spoiled.read_text()}\n{statement}\n")
    assert "broken" in lint_imports(tmp_path).lower()
