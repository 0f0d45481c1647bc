"""What a member is told about the state of the system."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.clock import FakeClock
from chassis.observability.health import CheckResult, Health
from services.job_api.operations.application.status import SystemStatus
from services.job_api.operations.schemas import SystemStatusView


async def test_every_member_sees_the_parts(alone) -> None:
    member = await alone.member("analyst")
    found = (await member.get("/status")).json()
    SystemStatusView.model_validate(found)
    assert found["status"] == "ok", found
    assert {part["name"] for part in found["parts"]} >= {"database", "nats", "consumers", "background", "outbox", "s3"}
    assert {part["status"] for part in found["parts"]} == {"ok"}


def health_with(**checks: Any) -> Health:
    health = Health("job_api")
    health.started = True
    for name, check in checks.items():
        health.add(name, check, critical=name == "database")
    return health


async def ok() -> None: ...


async def broken() -> None:
    raise OSError("Connect call failed ('10.1.2.3', 5432)")


async def slow_outbox() -> CheckResult:
    return CheckResult("failed", "7 events wait for nats-2.internal:4222", 7)


@pytest.mark.parametrize(("checks", "status", "failing"), [
    ({"database": ok, "nats": ok}, "ok", []),
    ({"database": ok, "nats": broken, "outbox": slow_outbox}, "degraded", ["nats", "outbox"]),
    ({"database": broken, "nats": ok}, "unavailable", ["database"]),
    ({"database": ok, "something new": broken}, "degraded", ["something new"]),
])
async def test_what_is_wrong_is_said_in_words_without_addresses(checks, status, failing) -> None:
    found = await SystemStatus(health_with(**checks), FakeClock()).read()
    assert found.status == status
    wrong = [part for part in found.parts if part.status != "ok"]
    assert [part.name for part in wrong] == failing
    for part in wrong:
        assert part.message
        assert part.suggested_fix
        for inside in ("10.1.2.3", "5432", "internal", "4222", "OSError"):
            assert inside not in str(part)


async def test_asking_often_looks_seldom() -> None:
    looked = []

    async def count() -> None:
        looked.append(1)

    clock = FakeClock()
    system = SystemStatus(health_with(database=count), clock)
    for _ in range(5):
        await system.read()
    assert len(looked) == 1
    clock.advance(5)
    await system.read()
    assert len(looked) == 2


async def test_a_service_that_starts_says_so() -> None:
    health = health_with(database=ok)
    health.started, health.waiting_for = False, "nats"
    found = await SystemStatus(health, FakeClock()).read()
    assert (found.status, [part.name for part in found.parts]) == ("unavailable", ["nats"])
