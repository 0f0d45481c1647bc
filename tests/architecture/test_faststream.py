"""FastStream is seen where routers are made and handlers written; its inside is known in two modules only."""

from pathlib import Path

import pytest

from tests.architecture.imports import imported
from tests.architecture.skeleton import PACKAGES, ROOT

# What its documentation shows: everything else may change with any release.
_PUBLIC = {"faststream", "faststream.nats", "faststream.nats.annotations", "faststream.params", "faststream.exceptions",
           "faststream.prometheus.middleware", "faststream.opentelemetry.middleware",
           "faststream.nats.prometheus.provider", "faststream.nats.opentelemetry.provider"}
_MAY_KNOW_ITS_INSIDE = {"chassis/messaging/broker.py", "chassis/messaging/durable.py"}


def inside_in(source: str) -> list[str]:
    return [name for name in imported(source) if name.startswith("faststream") and name not in _PUBLIC]


def files() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def test_its_inside_is_known_in_two_modules_only() -> None:
    found = {str(path.relative_to(ROOT)): inside_in(path.read_text()) for path in files()}
    assert {name: names for name, names in found.items() if names and name not in _MAY_KNOW_ITS_INSIDE} == {}


def test_services_take_it_from_the_chassis() -> None:
    found = {path: [name for name in imported(path.read_text()) if name.startswith("faststream")]
             for path in (ROOT / "services").rglob("*.py")}
    assert {str(path): names for path, names in found.items() if set(names) - {"faststream"}} == {}


@pytest.mark.parametrize("source", ["from faststream._internal.broker import BrokerUsecase",
                                    "import faststream.nats.subscriber.usecases"])
def test_the_rule_can_fail(source: str) -> None:
    assert inside_in(source)
