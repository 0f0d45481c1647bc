"""Where each program listens, and what it is told."""

from pathlib import Path

from stack.layout import Layout
from stack.nats_security import NatsSecurity
from stack.passwords import Passwords
from stack.programs import ALL, Blueprint, Program

PORTS = {name: 40_000 + number for number, name in enumerate(ALL)}
EVERYWHERE = "0.0.0.0"  # noqa: S104  where a person may let the API listen


def programs(folder: Path, **ports: int) -> tuple[Blueprint, dict[str, Program]]:
    layout = Layout(folder)
    blueprint = Blueprint(
        layout, PORTS | ports, Passwords.ensure(layout), NatsSecurity.ensure(folder / "nats"), EVERYWHERE)
    return blueprint, {program.name: program for program in blueprint.programs()}


def test_the_api_tells_its_details_to_this_machine_alone(tmp_path: Path) -> None:
    blueprint, found = programs(tmp_path, job_api_operations=49_000)
    told = blueprint.service_environment("job_api")
    assert (told["BRIGHTRUN_HTTP_HOST"], told["BRIGHTRUN_OPERATIONS_HOST"]) == (EVERYWHERE, "127.0.0.1")
    assert told["BRIGHTRUN_OPERATIONS_PORT"] == "49000"
    assert found["job_api"].health == "http://127.0.0.1:49000/health/ready"
    assert found["job_api"].port == PORTS["job_api"]


def test_the_others_have_one_port(tmp_path: Path) -> None:
    blueprint, found = programs(tmp_path, job_api_operations=49_000)
    assert "BRIGHTRUN_OPERATIONS_PORT" not in blueprint.service_environment("notifier")
    assert found["notifier"].health == f"http://127.0.0.1:{PORTS['notifier']}/health/ready"


def test_a_stack_that_the_release_before_started_is_asked_where_it_answers(tmp_path: Path) -> None:
    blueprint, found = programs(tmp_path)
    assert found["job_api"].health == f"http://127.0.0.1:{PORTS['job_api']}/health/ready"
    assert blueprint.service_environment("job_api")["BRIGHTRUN_OPERATIONS_PORT"] == "0"
