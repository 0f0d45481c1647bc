"""The rules inside job_api, each with a proof that it can fail."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import services.job_api
from services.job_api.errors import DomainError
from services.job_api.problem_table import PROBLEMS
from tests.architecture.skeleton import make_skeleton
from tests.architecture.test_layers import lint_imports


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
