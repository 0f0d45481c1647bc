"""Several processes of each service: their names, ports and logs, and one REST port for all."""

import configparser
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stack import commands
from stack.layout import Layout
from stack.logs import show_logs
from stack.nats_permissions import SERVICES
from stack.nats_security import NatsSecurity
from stack.passwords import Passwords
from stack.problems import StackError
from stack.programs import ALL, SERVERS, Blueprint
from stack.replicas import replica_names, service_of, wanted_replicas
from stack.state import OPERATIONS, StackState, choose_ports
from stack.supervision import Supervision

Make = Callable[[int], Blueprint]


@pytest.fixture(scope="module")
def security(tmp_path_factory: pytest.TempPathFactory) -> NatsSecurity:
    """Signing takes its time."""
    return NatsSecurity.ensure(tmp_path_factory.mktemp("nats"))


@pytest.fixture
def make(security: NatsSecurity, tmp_path: Path) -> Make:
    return lambda replicas: blueprint(tmp_path, security, replicas)


def blueprint(folder: Path, security: NatsSecurity, replicas: int, only: tuple[str, ...] = ALL) -> Blueprint:
    layout = Layout(folder)
    layout.make_folders()
    names = [name for name in commands._port_names(only, replicas) if name != "job_api"]
    ports = choose_ports(layout, names) | {"job_api": 48_700}
    return Blueprint(layout, ports, Passwords.ensure(layout), security, selected=only, replicas=replicas)


def test_one_is_called_as_its_service_and_several_are_numbered() -> None:
    assert replica_names("job_api", 1) == ("job_api",)
    assert replica_names("job_api", 2) == ("job_api-1", "job_api-2")
    assert [service_of(name) for name in ("job_api", "job_api-2", "fake_runpod", "a-b")] == [
        "job_api", "job_api", "fake_runpod", "a-b"]


@pytest.mark.parametrize("text", ["0", "-1", "two", "9"])
def test_a_number_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIGHTRUN_REPLICAS", text)
    with pytest.raises(StackError, match="no number of replicas"):
        wanted_replicas()


def test_nothing_said_means_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRIGHTRUN_REPLICAS", raising=False)
    assert wanted_replicas() == 1


def test_each_replica_has_its_own_port_and_the_rest_port_is_shared(make: Make, tmp_path: Path) -> None:
    made = make(2)
    programs = {program.name: program for program in made.programs()}
    assert set(programs) == {*SERVERS, "topology", *(f"{name}-{number}" for name in SERVICES for number in (1, 2))}
    first, second = programs["job_api-1"], programs["job_api-2"]
    assert first.port == second.port == 48_700
    assert first.socket == second.socket == "tcp://127.0.0.1:48700"
    assert first.health != second.health
    own = [made.service_environment(service, f"{service}-{number}") for service in SERVICES for number in (1, 2)]
    health = [told.get("BRIGHTRUN_OPERATIONS_PORT") or told["BRIGHTRUN_HTTP_PORT"] for told in own]
    assert len(set(health)) == 2 * len(SERVICES)
    assert {told.get("BRIGHTRUN_HTTP_FD", "-") for told in own} == {"0", "-"}


def test_ports_of_replicas_are_remembered(make: Make, tmp_path: Path) -> None:
    first = make(2)
    state = StackState(url="", host="", ports=first.ports, supervisor={}, credentials="", replicas=2)
    state.save(first.layout)
    assert make(2).ports == first.ports
    assert make(1).ports.keys() > {"validator", OPERATIONS}


def test_the_supervisor_holds_the_shared_socket(make: Make, tmp_path: Path) -> None:
    made = make(2)
    Supervision(made.layout).configure(made.programs())
    found = configparser.RawConfigParser(strict=True)
    found.read(tmp_path / "supervisor" / "supervisord.conf")
    shared = dict(found["fcgi-program:job_api"])
    assert (shared["socket"], shared["numprocs"]) == ("tcp://127.0.0.1:48700", "2")
    assert shared["process_name"] == "job_api-%(process_num)d"
    assert "environment/job_api-%(process_num)d.json" in shared["command"]
    assert shared["stdout_logfile"].endswith("logs/job_api-%(process_num)d.log")
    services = found["group:services"]["programs"].split(",")
    assert {"validator-1", "validator-2", "topology"} < set(services)
    assert not any(name.startswith("job_api") for name in services)
    told = json.loads((tmp_path / "supervisor" / "environment" / "job_api-2.json").read_text())
    assert told["BRIGHTRUN_OPERATIONS_PORT"] == str(made.ports["job_api-2_operations"])


def test_postgresql_takes_the_connections_of_all(make: Make, tmp_path: Path) -> None:
    for replicas in (1, 2):
        part = make(replicas).parts()["postgres"]
        part.prepare()
        assert f"max_connections = {200 * replicas}\n" in (part.data_dir / "postgresql.auto.conf").read_text()


def test_logs_of_a_service_are_those_of_its_present_replicas(make: Make, capsys: pytest.CaptureFixture) -> None:
    made = make(2)
    for name in ("job_api", "job_api-1", "job_api-2", "validator-1", "validator-2"):
        (made.layout.logs / f"{name}.log").write_text(f"{name} says\n")
    programs = tuple(program.state(made.layout) for program in made.programs())
    StackState(url="", host="", ports=made.ports, supervisor={}, credentials="", programs=programs).save(made.layout)
    show_logs(made.layout, "job_api", lines=5, follow=False)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["job_api-1", "job_api-1", "says"], ["job_api-2", "job_api-2", "says"]]
    show_logs(made.layout, "job_api-2", lines=5, follow=False)
    assert capsys.readouterr().out == "job_api-2 says\n"


def test_a_stack_of_the_release_before_is_read(make: Make, tmp_path: Path) -> None:
    """Its file says nothing of replicas."""
    made = make(1)
    programs = tuple(program.state(made.layout) for program in made.programs())
    state = StackState(url="", host="", ports=made.ports, supervisor={}, credentials="", programs=programs)
    assert (state.replicas, state.selected) == (1, ALL)
    found = state.program("job_api")
    assert found is not None
    assert found.name == "job_api"
