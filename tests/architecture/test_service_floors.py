"""Every service has the same floors; each rule has a proof that it can fail."""

from pathlib import Path

import pytest

from tests.architecture.imports import imported
from tests.architecture.skeleton import ROOT, make_skeleton
from tests.architecture.test_layers import lint_imports

SERVICES = ROOT / "services"
_HTTP = ("fastapi", "starlette", "uvicorn", "chassis.web")
_INNER = {"application", "domain", "adapters", "repository"}


@pytest.mark.parametrize(
    ("place", "shortcut"),
    [
        ("notifier/domain/shortcut.py", "from services.notifier.ports import Sender"),
        ("notifier/domain/shortcut.py", "from chassis.clock import Clock"),
        ("notifier/application/shortcut.py", "from services.notifier.adapters.slack import SlackSender"),
        ("metrics_ingest/application/shortcut.py", "from services.metrics_ingest.adapters.hot_window import *"),
        ("metrics_ingest/adapters/shortcut.py", "from services.metrics_ingest.application.queries import latest"),
        ("validator/application/shortcut.py", "from services.validator.subscribers import events"),
        ("cost_guard/domain/shortcut.py", "from services.cost_guard.adapters import tables"),
        ("cost_guard/application/shortcut.py", "from services.cost_guard.app import build_runtime"),
        ("provisioner/domain/shortcut.py", "from services.provisioner.adapters import tables"),
        ("provisioner/application/shortcut.py", "from services.provisioner.adapters import local"),
        ("provisioner/application/workers/shortcut.py", "from services.provisioner.adapters import nats_access"),
    ],
)
def test_a_shortcut_between_floors_is_caught(tmp_path: Path, place: str, shortcut: str) -> None:
    make_skeleton(tmp_path)
    (tmp_path / "services" / place).write_text(f"{shortcut}\n")
    result = lint_imports(tmp_path)
    assert result.returncode != 0
    assert f"services.{place.removesuffix('.py').replace('/', '.')}" in result.stdout


def inner_files() -> list[Path]:
    return [path for path in SERVICES.rglob("*.py") if _INNER & set(path.relative_to(SERVICES).with_suffix("").parts)]


@pytest.mark.parametrize("path", inner_files(), ids=lambda path: str(path.relative_to(SERVICES)))
def test_inner_floors_know_no_http(path: Path) -> None:
    assert [name for name in imported(path.read_text()) if name.startswith(_HTTP)] == []


@pytest.mark.parametrize(
    "source", ["import fastapi", "from starlette.requests import Request", "import chassis.web.problems"])
def test_the_rule_about_http_can_fail(source: str) -> None:
    assert [name for name in imported(source) if name.startswith(_HTTP)]
