"""Where each program listens, and what it is told."""

from pathlib import Path

import pytest

from stack import dashboard
from stack.layout import Layout
from stack.nats_security import NatsSecurity
from stack.passwords import Passwords
from stack.programs import ALL, BACKUP, Blueprint, Program, usual_programs
from stack.provider import FAKE_KUBERNETES_PROGRAM, FAKE_RUNPOD_PROGRAM

PORTS = {name: 40_000 + number for number, name in enumerate(ALL)}
EVERYWHERE = "0.0.0.0"  # noqa: S104  where a person may let the API listen


@pytest.fixture(autouse=True)
def _without_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is among the programs where npm has fetched its files."""
    monkeypatch.setattr(dashboard, "is_installed", lambda: False)


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


def test_services_rent_their_machines_at_the_fake_runpod_where_it_runs(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    blueprint = Blueprint(layout, PORTS | {"fake_runpod": 48_000}, Passwords.ensure(layout),
                          NatsSecurity.ensure(tmp_path / "nats"), selected=(*ALL, FAKE_RUNPOD_PROGRAM))
    (program,) = (program for program in blueprint.programs() if program.name == "fake_runpod")
    blueprint.parts()["fake_runpod"].prepare()
    for service in ("job_api", "provisioner"):
        told = blueprint.service_environment(service)
        assert (told["BRIGHTRUN_PROVIDER"], told["BRIGHTRUN_RUNPOD_URL"]) == ("runpod", "http://127.0.0.1:48000")
        assert told["BASE_MODEL"] == str(layout.base_model)
        key = Path(told["BRIGHTRUN_RUNPOD_API_KEY_FILE"])
        assert key.stat().st_mode & 0o777 == 0o600
        assert key.read_text() not in " ".join(program.command.argv)


def test_services_take_their_machines_from_the_fake_cluster_where_it_runs(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    blueprint = Blueprint(layout, PORTS | {"fake_kubernetes": 48_000}, Passwords.ensure(layout),
                          NatsSecurity.ensure(tmp_path / "nats"), selected=(*ALL, FAKE_KUBERNETES_PROGRAM))
    (program,) = (program for program in blueprint.programs() if program.name == "fake_kubernetes")
    blueprint.parts()["fake_kubernetes"].prepare()
    told = blueprint.service_environment("provisioner")
    assert (told["BRIGHTRUN_PROVIDER"], told["BRIGHTRUN_KUBERNETES_SERVER"]) == ("kubernetes", "http://127.0.0.1:48000")
    token = Path(told["BRIGHTRUN_KUBERNETES_TOKEN_FILE"])
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.read_text() not in " ".join(program.command.argv)


def test_services_are_told_of_no_provider_where_it_does_not_run(tmp_path: Path) -> None:
    blueprint, found = programs(tmp_path)
    assert {"fake_runpod", "fake_kubernetes"} & set(found) == set()
    assert "BRIGHTRUN_PROVIDER" not in blueprint.service_environment("provisioner")


@pytest.mark.parametrize(("fake", "program"), [
    ("fake-runpod", FAKE_RUNPOD_PROGRAM), ("fake-kubernetes", FAKE_KUBERNETES_PROGRAM)])
def test_a_stack_with_a_fake_provider_lies_apart(monkeypatch: pytest.MonkeyPatch, fake: str, program: str) -> None:
    monkeypatch.delenv("BRIGHTRUN_DATA_DIR", raising=False)
    monkeypatch.delenv("BRIGHTRUN_PROVIDER", raising=False)
    usual = Layout.from_environment().data
    assert usual_programs() == ALL
    monkeypatch.setenv("BRIGHTRUN_PROVIDER", fake)
    assert Layout.from_environment().data == usual.with_name(f".data-{fake}")
    assert usual_programs() == (*ALL, program)


def test_a_place_for_backups_brings_the_program_that_makes_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("BRIGHTRUN_PROVIDER", raising=False)
    monkeypatch.setenv("BRIGHTRUN_BACKUP_TO", "/mnt/backups")
    assert usual_programs() == (*ALL, BACKUP)
    blueprint = Blueprint(Layout(tmp_path), PORTS | {BACKUP: 48_001}, Passwords.ensure(Layout(tmp_path)),
                          NatsSecurity.ensure(tmp_path / "nats"), selected=usual_programs())
    program = blueprint.programs()[-1]
    assert (program.name, program.health) == (BACKUP, "http://127.0.0.1:48001/health/ready")
    assert program.command.env["BRIGHTRUN_DATA_DIR"] == str(tmp_path)
