"""`make up MONITORING=1 REPLICAS=2`: every replica is a target of its own, and stays one when it was restarted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from stack.nats_permissions import SERVICES, TOPOLOGY
from stack.replicas import replica_names
from tests.ops.programs import program
from tests.system.stack_under_test import StackUnderTest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
EACH = dict.fromkeys(SERVICES, 2) | {TOPOLOGY: 1}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUnderTest]:
    program("prometheus")
    stack = StackUnderTest(tmp_path_factory.mktemp("replicas") / "data")
    stack.environment |= {"BRIGHTRUN_MONITORING": "1", "BRIGHTRUN_REPLICAS": "2", "BRIGHTRUN_FIGURES_INTERVAL_S": "2"}
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


def _asked(stack: StackUnderTest, expr: str) -> list[dict[str, Any]]:
    programs = json.loads((stack.data / "stack.json").read_text())["programs"]
    port = next(one["port"] for one in programs if one["name"] == "prometheus")
    answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": expr}, timeout=30).json()
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


def _up(stack: StackUnderTest) -> dict[str, int]:
    return _counts(_asked(stack, 'count by (service) (up{job="brightrun"} == 1)'))


def _told_by(stack: StackUnderTest, metric: str) -> dict[str, int]:
    """How many processes of each service tell it."""
    return _counts(_asked(stack, f'count by (service) (count by (service, instance) ({metric}{{job="brightrun"}}))'))


def _counts(found: list[dict[str, Any]]) -> dict[str, int]:
    """By service, of those that have replicas: where the web page is installed, there is one of it."""
    counts = {row["metric"]["service"]: int(row["value"][1]) for row in found}
    return {service: count for service, count in counts.items() if service in EACH}


def _becomes(seen: Callable[[], Any], wanted: Any, within_s: float = 180.0) -> None:
    deadline = time.monotonic() + within_s
    while seen() != wanted and time.monotonic() < deadline:
        time.sleep(1)
    assert seen() == wanted


def test_every_replica_is_scraped_and_tells_of_itself(stack: StackUnderTest) -> None:
    _becomes(lambda: _up(stack), EACH)
    _becomes(lambda: _told_by(stack, "brightrun_nats_connected"), EACH)


def test_a_replica_that_stops_is_missed_and_found_again(stack: StackUnderTest) -> None:
    gone = replica_names("validator", 2)[1]
    stack.command("stack", "stop", gone)
    _becomes(lambda: [row["metric"]["service"] for row in _asked(stack, 'up{job="brightrun"} == 0')], ["validator"])
    assert _up(stack) == EACH | {"validator": 1}
    stack.command("stack", "start", gone)
    _becomes(lambda: _up(stack), EACH)
