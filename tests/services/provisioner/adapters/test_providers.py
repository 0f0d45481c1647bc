"""The behaviour suite on the fake, and on real processes with what only they can show."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from services.provisioner.adapters.local import LocalProvider, LocalSettings
from services.provisioner.ports import ComputeProvider, MachineState, NoCapacity
from tests.services.provisioner.fake_provider import FakeProvider
from tests.services.provisioner.lagging_provider import LaggingProvider
from tests.services.provisioner.provider_suite import ProviderSuite, gone, new_name, request_for, until

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
Maker = Callable[..., LocalProvider]


class TestFake(ProviderSuite):
    @pytest.fixture
    def provider(self) -> ComputeProvider:
        return FakeProvider()


class TestLagging(ProviderSuite):
    @pytest.fixture
    def provider(self) -> ComputeProvider:
        return LaggingProvider(FakeProvider(), 0.2)

    async def test_it_lags(self, provider: ComputeProvider) -> None:
        name = new_name()
        await provider.create(request_for(name))
        assert await provider.list() == []
        await until(provider, name, MachineState.RUNNING)
        await provider.terminate(name)
        assert await provider.describe(name) is not None
        await gone(provider, name)


@pytest_asyncio.fixture
async def make(tmp_path: Path) -> AsyncIterator[Maker]:
    """Local providers over one folder; their pods end with the test, and with pytest in any case."""
    made: list[LocalProvider] = []

    def build(code: str = SLEEPER, *, owner: int | None = None, max_pods: int = 8) -> LocalProvider:
        command = (sys.executable, "-S", "-c", code)
        settings = LocalSettings(tmp_path / "pods", command, Path.cwd(), os.getpid() if owner is None else owner,
                                 max_pods)
        made.append(LocalProvider(settings))
        return made[-1]

    yield build
    for machine in await made[0].list() if made else []:
        await gone(made[0], machine.name)


def process(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.DEVNULL)


def trainer_pid(provider: LocalProvider, name: str) -> int:
    return int(json.loads((provider._root / name / "status.json").read_text())["trainer_pid"])


def shim_pid(provider: LocalProvider, name: str) -> int:
    return int(json.loads((provider._root / name / "status.json").read_text())["shim_pid"])


async def dead(pid: int, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while _alive(pid):
        assert time.monotonic() < deadline, f"process {pid} lives"
        await asyncio.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class TestLocal(ProviderSuite):
    @pytest.fixture
    def provider(self, make: Maker) -> ComputeProvider:
        return make()

    async def test_the_trainer_gets_its_environment_and_nothing_of_ours(
        self, make: Maker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BRIGHTRUN_DATABASE_URL", "secret")
        monkeypatch.setenv("HF_TOKEN", "for the trainer")
        provider, name = make("import json,os; print(json.dumps(dict(os.environ)))"), new_name()
        await provider.create(request_for(name, BRIGHTRUN_POD_SPEC="{}"))
        assert (await until(provider, name, MachineState.EXITED)).exit_code == 0
        environment = json.loads((await provider.read_log(name, 0, 100_000))[0])
        assert environment["BRIGHTRUN_POD_SPEC"] == "{}"
        assert environment["HF_TOKEN"] == "for the trainer"
        assert str(provider._root / name) in environment["BRIGHTRUN_WORK_DIR"]
        assert "BRIGHTRUN_DATABASE_URL" not in environment

    async def test_secrets_are_on_no_command_line_and_in_no_file(self, make: Maker) -> None:
        provider, name = make(), new_name()
        await provider.create(request_for(name, BRIGHTRUN_NATS_CREDENTIALS="top secret"))
        for pid in (trainer_pid(provider, name), shim_pid(provider, name)):
            assert "top secret" not in " ".join(psutil.Process(pid).cmdline())
        files = [path for path in (provider._root / name).rglob("*") if path.is_file()]
        assert all(b"top secret" not in path.read_bytes() for path in files)
        assert (provider._root / name).stat().st_mode & 0o077 == 0

    async def test_exit_code_and_log_outlive_the_machine(self, make: Maker) -> None:
        provider, name = make("print('last words'); raise SystemExit(7)"), new_name()
        await provider.create(request_for(name))
        machine = await until(provider, name, MachineState.EXITED)
        assert (machine.exit_code, machine.reason) == (7, "exited")
        await gone(provider, name)
        assert await provider.read_log(name, 0, 100) == (b"last words\n", True)
        assert await provider.read_log(name, 5, 3) == (b"wor", False)

    async def test_kill_9_of_the_trainer_is_seen(self, make: Maker) -> None:
        provider, name = make(), new_name()
        await provider.create(request_for(name))
        os.kill(trainer_pid(provider, name), signal.SIGKILL)
        assert (await until(provider, name, MachineState.EXITED)).exit_code == 137

    async def test_kill_9_of_the_shim_ends_the_trainer(self, make: Maker) -> None:
        provider, name = make(), new_name()
        await provider.create(request_for(name))
        pid = trainer_pid(provider, name)
        os.kill(shim_pid(provider, name), signal.SIGKILL)
        await dead(pid)
        machine = await until(provider, name, MachineState.EXITED)
        assert machine.exit_code is None
        assert (await provider.create(request_for(name))).state is MachineState.EXITED  # never started again

    async def test_terminate_asks_first(self, make: Maker) -> None:
        code = ("import signal,sys,time\nsignal.signal(signal.SIGTERM, lambda *_: (print('saved', flush=True), "
                "sys.exit(143)))\nprint('ready', flush=True)\ntime.sleep(600)")
        provider, name = make(code), new_name()
        await provider.create(request_for(name))
        await _said(provider, name, b"ready")
        await provider.terminate(name)
        machine = await until(provider, name, MachineState.EXITED)
        assert (machine.exit_code, machine.reason) == (143, "terminated")
        await _said(provider, name, b"saved")

    async def test_who_does_not_listen_is_killed(self, make: Maker) -> None:
        provider, name = make(STUBBORN), new_name()
        await provider.create(request_for(name))
        await _said(provider, name, b"ready")
        await provider.terminate(name)
        assert (await until(provider, name, MachineState.EXITED)).exit_code == 137

    async def test_the_end_of_the_owner_ends_the_trainer(self, make: Maker) -> None:
        owner = process(SLEEPER)
        provider, name = make(owner=owner.pid), new_name()
        await provider.create(request_for(name))
        pid = trainer_pid(provider, name)
        owner.kill()
        owner.wait()
        await dead(pid)
        assert (await until(provider, name, MachineState.EXITED)).reason == "owner_gone"

    async def test_an_owner_that_is_gone_already_starts_nothing(self, make: Maker) -> None:
        owner = process("pass")
        owner.wait()
        provider, name = make(owner=owner.pid), new_name()
        await provider.create(request_for(name))
        assert (await until(provider, name, MachineState.EXITED)).reason == "owner_gone"

    async def test_workers_of_the_trainer_end_with_it(self, make: Maker) -> None:
        code = (f"import subprocess,sys\np=subprocess.Popen([sys.executable,'-S','-c',{SLEEPER!r}])\n"
                "print(p.pid, flush=True)")
        provider, name = make(code), new_name()
        await provider.create(request_for(name))
        await until(provider, name, MachineState.EXITED)
        await dead(int((await provider.read_log(name, 0, 100))[0].split()[0]))

    async def test_another_provider_object_finds_the_pods(self, make: Maker) -> None:
        before, name = make(), new_name()
        await before.create(request_for(name))
        after = make()
        assert (await until(after, name, MachineState.RUNNING)).name == name
        await gone(after, name)
        assert await before.describe(name) is None

    async def test_a_late_create_does_not_run_an_ended_attempt_again(self, make: Maker) -> None:
        provider, name = make(), new_name()
        await provider.create(request_for(name))
        await gone(provider, name)
        assert (await provider.create(request_for(name))).state is MachineState.EXITED
        assert await provider.list() == []

    async def test_the_end_is_when_the_trainer_ended(self, make: Maker) -> None:
        provider, name = make("pass"), new_name()
        await provider.create(request_for(name))
        exited = await until(provider, name, MachineState.EXITED)
        await asyncio.sleep(0.2)
        await gone(provider, name)
        life = await provider.lifetime(name)
        assert life is not None
        assert (life.began_at, life.ended_at) == (exited.created_at, exited.exited_at)

    async def test_a_pod_that_lost_its_power_ended_with_its_last_sign_of_life(self, make: Maker) -> None:
        """Nobody was left to write down the end; until it is found, hours of a machine that was off may have passed."""
        code = ("import os\nwith open(os.environ['BRIGHTRUN_WORK_DIR'] + '/events.journal', 'w') as journal: "
                f"journal.write('x')\n{SLEEPER}")
        provider, name = make(code), new_name()
        await provider.create(request_for(name))
        await _said(provider, name, b"ready")
        written = _move_into_the_past(provider._root / name)
        os.kill(shim_pid(provider, name), signal.SIGKILL)
        exited = await until(provider, name, MachineState.EXITED)
        await gone(provider, name)
        life = await provider.lifetime(name)
        assert life is not None
        assert exited.exited_at == life.ended_at == datetime.fromtimestamp(written, UTC)

    async def test_no_more_pods_than_places(self, make: Maker) -> None:
        provider, name = make(max_pods=1), new_name()
        await provider.create(request_for(name))
        assert not (await provider.capacity(request_for(name).gpu_type, request_for(name).pricing_tier)).available
        with pytest.raises(NoCapacity):
            await provider.create(request_for(new_name()))
        await gone(provider, name)
        await gone(provider, (await provider.create(request_for(new_name()))).name)


def _move_into_the_past(folder: Path) -> float:
    """Moves all that the pod wrote into the past, its journal least; when that was written."""
    now = int(time.time())
    for path in folder.rglob("*"):
        os.utime(path, (now, now - 3600))
    os.utime(folder / "work" / "events.journal", (now, now - 1800))
    return now - 1800


async def _said(provider: LocalProvider, name: str, word: bytes) -> None:
    deadline = time.monotonic() + 10
    while word not in (await provider.read_log(name, 0, 1000))[0]:
        assert time.monotonic() < deadline, f"{name} did not say {word!r}"
        await asyncio.sleep(0.02)


async def test_two_replicas_on_one_machine_share_its_places(make: Maker) -> None:
    """Both ask at once for the last one."""
    replicas = [make(max_pods=1), make(max_pods=1)]
    made = await asyncio.gather(*(one.create(request_for(new_name())) for one in replicas), return_exceptions=True)
    assert sorted(type(one).__name__ for one in made) == ["Machine", "NoCapacity"]


async def test_a_replica_that_hangs_while_it_makes_a_pod_stops_no_other(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.provisioner.adapters.local._LOCK_WAIT_S", 0.1)
    provider, name = make(), new_name()
    hanging = make()
    with hanging._one_at_a_time():
        assert (await provider.create(request_for(name))).state is MachineState.RUNNING
