"""No order of commands, crashes and redeliveries makes money vanish, appear or stay reserved."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.money.machine import MoneyMachine

_CHECKS = {"deadline": None, "suppress_health_check": list(HealthCheck)}
QUICK = settings(max_examples=12, stateful_step_count=30, derandomize=True, **_CHECKS)
LONG = settings(max_examples=1000, stateful_step_count=50, print_blob=True, **_CHECKS)


def machine_in(world) -> type[MoneyMachine]:
    return type("MoneyMachineHere", (MoneyMachine,), {"world": world})


def test_money_is_neither_lost_nor_made(world) -> None:
    run_state_machine_as_test(machine_in(world), settings=QUICK)


@pytest.mark.fuzz
@pytest.mark.timeout(3600)
def test_money_is_neither_lost_nor_made_in_many_runs(world) -> None:
    run_state_machine_as_test(machine_in(world), settings=LONG)
