"""The web page as a program of the stack."""

from dataclasses import replace
from pathlib import Path

import pytest

from stack import commands, dashboard
from stack.dashboard import DASHBOARD, DASHBOARD_OPERATIONS, PORT, VARIABLE, choose_port
from stack.layout import Layout
from stack.nats_security import NatsSecurity
from stack.parts.process import LOOPBACK, free_port
from stack.passwords import Passwords
from stack.problems import StackError
from stack.programs import ALL, Blueprint, Program, usual_programs
from stack.state import StackState


def page_of(folder: Path) -> tuple[Blueprint, Program]:
    layout = Layout(folder)
    ports = {name: 40_000 + number for number, name in enumerate((*ALL, DASHBOARD, DASHBOARD_OPERATIONS))}
    blueprint = Blueprint(layout, ports, Passwords.ensure(layout), NatsSecurity.ensure(folder / "nats"),
                          selected=(*ALL, DASHBOARD))
    return blueprint, next(program for program in blueprint.programs() if program.name == DASHBOARD)


def test_it_is_started_where_its_files_are(monkeypatch) -> None:
    monkeypatch.setattr(dashboard, "is_installed", lambda: True)
    assert DASHBOARD in usual_programs()
    monkeypatch.setattr(dashboard, "is_installed", lambda: False)
    assert DASHBOARD not in usual_programs()


def test_it_knows_the_api_and_its_own_key_and_no_other_secret(tmp_path) -> None:
    blueprint, program = page_of(tmp_path)
    told = program.command.env
    assert told["BRIGHTRUN_API_URL"] == f"http://{LOOPBACK}:{blueprint.ports['job_api']}"
    assert told["BRIGHTRUN_SESSION_KEY"] == blueprint.passwords.session != ""
    assert not [name for name in told if "DATABASE" in name or "NATS" in name or "S3" in name or "REDIS" in name]
    assert program.health.endswith(f":{blueprint.ports[DASHBOARD_OPERATIONS]}/health/ready")


def test_the_root_of_the_api_leads_to_it(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("BRIGHTRUN_DASHBOARD_URL", raising=False)
    blueprint, program = page_of(tmp_path)

    def told(**changes: object) -> str:
        return replace(blueprint, **changes).service_environment("job_api")["BRIGHTRUN_DASHBOARD_URL"]

    assert told() == f"http://{LOOPBACK}:{program.port}"
    assert told(selected=ALL) == ""
    assert told(host="0.0.0.0") == ""  # noqa: S104  not bound
    monkeypatch.setenv("BRIGHTRUN_DASHBOARD_URL", "https://train.example.com")
    assert told(host="0.0.0.0") == "https://train.example.com"  # noqa: S104  not bound


def test_a_stack_of_a_release_without_a_page_gets_a_key_for_it(tmp_path) -> None:
    layout = Layout(tmp_path)
    first = Passwords.ensure(layout)
    before = layout.secrets_file.read_text().replace(f'"session": "{first.session}"', '"session": ""')
    layout.secrets_file.write_text(before)
    second = Passwords.ensure(layout)
    assert len(second.session) >= 32
    assert second.postgres == first.postgres
    assert Passwords.ensure(layout) == second


def test_the_port_is_the_usual_one_where_it_is_free_and_the_named_one_or_nothing(monkeypatch) -> None:
    monkeypatch.delenv("BRIGHTRUN_PROVIDER", raising=False)
    monkeypatch.delenv(VARIABLE, raising=False)
    assert choose_port(None, LOOPBACK, {PORT}) == 0
    remembered = free_port()
    assert choose_port(remembered, LOOPBACK, set()) == remembered
    monkeypatch.setenv(VARIABLE, str(remembered))
    assert choose_port(None, LOOPBACK, set()) == remembered
    with pytest.raises(StackError, match="taken"):
        choose_port(None, LOOPBACK, {remembered})
    monkeypatch.setenv(VARIABLE, "http")
    with pytest.raises(StackError, match="no port number"):
        choose_port(None, LOOPBACK, set())


def test_its_address_is_what_a_start_says(tmp_path, capsys) -> None:
    blueprint, program = page_of(tmp_path)
    programs = tuple(each.state(blueprint.layout) for each in blueprint.programs())
    state = StackState("http://127.0.0.1:1", LOOPBACK, blueprint.ports, {}, "c", programs)
    commands.announce(state)
    assert f"up at http://{LOOPBACK}:{program.port} " in capsys.readouterr().out
    without = StackState("http://127.0.0.1:1", LOOPBACK, blueprint.ports, {}, "c",
                         tuple(each for each in programs if each.name != DASHBOARD))
    commands.announce(without)
    assert "web page  not there" in capsys.readouterr().out
