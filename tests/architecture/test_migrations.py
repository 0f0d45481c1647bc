"""A migration says what a released state became: it may not change with the code that came later."""

from pathlib import Path

import pytest

from tests.architecture.imports import imported
from tests.architecture.skeleton import ROOT

# Frozen by their own rule: functions of a number, never edited once released.
_FROZEN = ("chassis.database.messaging_tables", "chassis.database.row_policies")


def live_in(source: str) -> list[str]:
    """What is imported of our own code that goes on changing."""
    ours = ("services", "chassis", "contracts")
    return [name for name in imported(source) if name.partition(".")[0] in ours and name not in _FROZEN]


def versions() -> list[Path]:
    return sorted((ROOT / "services").glob("*/migrations/versions/*.py"))


@pytest.mark.parametrize("path", versions(), ids=lambda path: f"{path.parents[2].name}-{path.stem}")
def test_a_migration_imports_nothing_that_changes(path: Path) -> None:
    assert live_in(path.read_text()) == []


@pytest.mark.parametrize(
    "source", ["from services.notifier.adapters.tables import metadata", "from chassis.messaging.outbox import OUTBOX"])
def test_the_rule_can_fail(source: str) -> None:
    assert live_in(source)
