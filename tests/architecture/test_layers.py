"""The rules of the house, each with a proof that it can fail."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.skeleton import PACKAGES, ROOT, make_skeleton


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [program, "--config", str(ROOT / "pyproject.toml"), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


def test_layers_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


def test_a_service_that_imports_another_is_caught(tmp_path: Path) -> None:
    make_skeleton(tmp_path)
    (tmp_path / "services" / "job_api" / "shortcut.py").write_text("import services.cost_guard\n")
    result = lint_imports(tmp_path)
    assert result.returncode != 0
    assert "services.job_api.shortcut" in result.stdout


@pytest.mark.parametrize(
    "shortcut", ["import services.job_api", "import chassis.database.engine", "import stack.ports"])
def test_a_web_page_that_knows_more_than_the_client_is_caught(tmp_path: Path, shortcut: str) -> None:
    make_skeleton(tmp_path)
    (tmp_path / "services" / "dashboard" / "shortcut.py").write_text(f"{shortcut}\nimport brightrun.client\n")
    result = lint_imports(tmp_path)
    assert result.returncode != 0
    assert "services.dashboard.shortcut" in result.stdout


def python_files() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]


def subject_literals(source: str) -> list[str]:
    """String literals that spell an event's subject; they belong in contracts alone."""
    from contracts.registry import EVENTS

    prefixes = tuple(spec.model.subject_prefix() + "." for spec in EVENTS)
    return [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(prefixes)
    ]


def test_subjects_are_spelled_in_contracts_only() -> None:
    found = {path: subject_literals(path.read_text()) for path in python_files() if "contracts" not in path.parts}
    assert not {str(path): literals for path, literals in found.items() if literals}


def test_the_subject_rule_can_fail() -> None:
    assert subject_literals('publish("pod.interrupted.4711", b"")') == ["pod.interrupted.4711"]


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_a_tail(path: Path) -> None:
    assert path.read_text().count("\n") <= 300, "split the file: it holds more than one idea"
    assert path.stem not in {"utils", "helpers", "common", "manager"}
