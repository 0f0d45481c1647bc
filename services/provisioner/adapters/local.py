"""Provider `local`: a pod is a process on this machine with the environment a pod gets anywhere."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from contracts.gpus import GpuType, PricingTier
from contracts.rpc.pods import Price
from services.provisioner.adapters.local_folder import ENDED, LOG, PodFolder
from services.provisioner.ports import Capacity, Lifetime, Machine, MachineState, NoCapacity, PodRequest, ProviderError

SHIM = Path(__file__).with_name("local_shim.py")
_START_TIMEOUT_S = 10.0
_LOCK, _LOCK_WAIT_S = ".creating.lock", 5.0
# Reading a few small files; keeps `kill -9 -> next attempt` well under a second.
_LOOK_EVERY_S = 0.2
_KEEP_ENDED_S = 14 * 24 * 3600
# What a trainer takes over from this machine. Everything else (database, keys) stays with the services.
_PASSED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE",
              "OMP_NUM_THREADS", "MKL_NUM_THREADS", "TOKENIZERS_PARALLELISM", "http_proxy", "https_proxy", "no_proxy",
              "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "BASE_MODEL", "BRIGHTRUN_BASE_MODEL_DIR", "PYTHONUNBUFFERED",
              "CONTAINERS_CONF", "DOCKER_HOST")
_PASSED_ON_PREFIXES = ("HF_", "CUDA_", "NVIDIA_", "BRIGHTRUN_TRAINER_", "TORCH_")


@dataclass(frozen=True)
class LocalSettings:
    """`owner_pid`: when this process ends, every pod ends (0: none). `command` is the trainer's."""

    root: Path
    command: tuple[str, ...]
    working_directory: Path
    owner_pid: int = 0
    max_pods: int = 2


class LocalProvider:
    """Keeps nothing in memory: folders under `root` and locks held by the shims are the state."""

    name = "local"

    def __init__(self, settings: LocalSettings) -> None:
        self._settings, self._root = settings, settings.root.resolve()
        self._creating = asyncio.Lock()

    async def create(self, request: PodRequest) -> Machine:
        async with self._creating:
            return await asyncio.to_thread(self._create, request)

    async def describe(self, name: str) -> Machine | None:
        return self._folder(name).machine()

    async def terminate(self, name: str) -> None:
        await asyncio.to_thread(self._terminate, self._folder(name))

    async def list(self) -> list[Machine]:
        return [machine for folder in self._folders() if (machine := folder.machine()) is not None]

    async def lifetime(self, name: str) -> Lifetime | None:
        machine = self._folder(name).machine() or PodFolder(self._root / ENDED / name).machine()
        if machine is None or machine.created_at is None:
            return None
        return Lifetime(machine.created_at, machine.exited_at)

    async def capacity(self, gpu_type: GpuType, pricing_tier: PricingTier) -> Capacity:
        taken = sum(machine.state is not MachineState.EXITED for machine in await self.list())
        free = taken < self._settings.max_pods
        return Capacity(free, "" if free else f"{taken} of {self._settings.max_pods} local pods are running")

    async def prices(self, gpu_type: GpuType) -> Sequence[Price]:
        return ()  # this machine sends no bill: the configured rate counts

    def take_losses(self) -> Sequence[int]:
        return ()

    async def read_log(self, name: str, offset: int, max_bytes: int) -> tuple[bytes, bool]:
        return await asyncio.to_thread(self._read_log, name, offset, max_bytes)

    async def changes(self) -> AsyncIterator[str]:
        known: dict[str, MachineState | None] = {}
        while True:
            current = {machine.name: machine.state for machine in await self.list()}
            for name in {*known, *current}:
                if known.get(name) != current.get(name):
                    yield name
            known = dict(current)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _create(self, request: PodRequest) -> Machine:
        folder = self._folder(request.name)
        with self._one_at_a_time():
            if (machine := folder.machine()) is not None and machine.state is not MachineState.STARTING:
                return machine
            if (ended := PodFolder(self._root / ENDED / request.name).machine()) is not None:
                return ended  # a late create must not run an attempt twice
            self._find_place(request)
            folder.prepare()
            self._start(folder, request)
        return self._wait_for_trainer(folder)

    def _find_place(self, request: PodRequest) -> None:
        others = [m for f in self._folders() if f.name != request.name and (m := f.machine())]
        if sum(m.state is not MachineState.EXITED for m in others) >= self._settings.max_pods:
            raise NoCapacity(f"all {self._settings.max_pods} local places are taken")

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Also beside other replicas on this machine, so that two requests cannot both take the last free place. One
        that hangs in the act is waited for only for a while: rather a pod too many than none."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / _LOCK).open("w") as lock:
            deadline = time.monotonic() + _LOCK_WAIT_S
            while not _locked(lock.fileno()) and time.monotonic() < deadline:
                time.sleep(0.02)
            yield

    def _start(self, folder: PodFolder, request: PodRequest) -> None:
        argv = [sys.executable, "-S", "-E", str(SHIM), str(folder.path), str(self._settings.owner_pid), "--",
                *self._settings.command]
        with (folder.path / "shim.log").open("ab") as log:
            starter = subprocess.Popen(
                argv, env=self._environment(folder, request), cwd=self._settings.working_directory,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )
        try:
            starter.communicate(timeout=_START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise ProviderError("the local trainer process did not start in time") from None

    def _wait_for_trainer(self, folder: PodFolder) -> Machine:
        """A second create meets a shim that is still starting: wait for what it says."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            machine = folder.machine()
            if machine is None:
                break
            if machine.state is not MachineState.STARTING:
                return machine
            time.sleep(0.02)
        said = (folder.path / "shim.log").read_text(errors="replace")[-500:]
        raise ProviderError(f"the local trainer process did not start: {said or 'no message'}")

    def _environment(self, folder: PodFolder, request: PodRequest) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items()
                     if key in _PASSED_ON or key.startswith(_PASSED_ON_PREFIXES)}
        own = {"BRIGHTRUN_WORK_DIR": str(folder.path / "work"), "PYTHONUNBUFFERED": "1",
               "PYTHONPATH": str(self._settings.working_directory)}
        return {**inherited, **own, **request.environment}

    def _terminate(self, folder: PodFolder) -> None:
        if folder.shim() is not None:
            folder.stop()
        elif folder.path.exists():
            folder.kill_leftovers()
            folder.retire(self._root / ENDED)
            self._forget_old()

    def _read_log(self, name: str, offset: int, max_bytes: int) -> tuple[bytes, bool]:
        running = self._folder(name)
        for folder in (running, PodFolder(self._root / ENDED / name)):
            with suppress(FileNotFoundError), (folder.path / LOG).open("rb") as log:
                log.seek(offset)
                text = log.read(max_bytes)
                ended = folder is not running or running.shim() is None
                return text, ended and len(text) < max_bytes
        return b"", True

    def _forget_old(self) -> None:
        for path in (self._root / ENDED).iterdir():
            if time.time() - path.stat().st_mtime > _KEEP_ENDED_S:
                PodFolder(path).delete()

    def _folder(self, name: str) -> PodFolder:
        if not name or "/" in name or name.startswith("."):
            raise ProviderError(f"'{name}' is no pod name")
        return PodFolder(self._root / name)

    def _folders(self) -> Sequence[PodFolder]:
        if not self._root.exists():
            return []
        return [PodFolder(Path(entry.path)) for entry in os.scandir(self._root)
                if entry.is_dir() and not entry.name.startswith(".")]


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
