"""Two processes: the trainer, whose output goes into a pipe, and its parent, which reads it and tells it.

The parent outlives a trainer that the kernel kills, that crashes in a library or cannot even import one; the last
lines of such an end are those that somebody needs. It holds nothing of the trainer's: no GPU, no model, 40 MB.
Whoever kills the parent kills the trainer (PR_SET_PDEATHSIG); signals and exit codes pass through.
"""

import ctypes
import faulthandler
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from trainer_image.output.unread import Unread

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1
# A line without an end (a prompt, a progress bar) is told after a second.
_PATIENCE_S = 1.0
_READ_BYTES = 64 * 1024
# How long the last lines may take to the broker. After SIGTERM RunPod leaves five seconds for everything.
_SECONDS_TO_TELL, _SECONDS_AFTER_SIGTERM, _SECONDS_AT_LEAST = 5.0, 4.9, 0.4


def run_and_tell(trainer: Callable[[], None]) -> None:
    """Run `trainer` in a child; in the parent this never returns. The exit code is the trainer's."""
    parent, (read, write) = os.getpid(), os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    child = os.fork()
    if child:
        os.close(write)
        Parent(child, read).run()
    os.close(read)
    _become_trainer(parent, write)
    trainer()


def _become_trainer(parent: int, write: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)
    for stream in (1, 2):
        os.dup2(write, stream)
    os.close(write)
    for text in (sys.stdout, sys.stderr):
        text.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)


class Parent:
    """Reads the pipe until the trainer has ended and nothing is left in it."""

    def __init__(self, child: int, pipe: int) -> None:
        self._child, self._sources = child, [pipe]
        self._asked_to_end: float | None = None
        self._wake = _wake_up_on(signal.SIGCHLD)
        self._sources.append(self._wake)
        for number in _PASSED_ON:
            signal.signal(number, self._pass_on)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        self._pipe = pipe

    def run(self) -> None:
        self._pump, shipper = _pump_and_shipper(os.dup(1))
        code = self._read_until_the_end()
        if code < 0:
            self._pump.note(_killed_by(-code))
        self._pump.close()
        if shipper is not None:
            shipper.join(self._seconds_left())
        os._exit(128 - code if code < 0 else code)

    def _read_until_the_end(self) -> int:
        status: int | None = None
        while True:
            ready, _, _ = select.select(self._sources, [], [], 0 if status is not None else _PATIENCE_S)
            if self._wake in ready:
                os.read(self._wake, 512)
            if self._pipe in ready:
                self._read()
            elif status is not None:
                return os.waitstatus_to_exitcode(status)
            elif not ready:
                self._pump.flush()
            if status is None:
                ended, found = os.waitpid(self._child, os.WNOHANG)
                status = found if ended else None

    def _read(self) -> None:
        if data := os.read(self._pipe, _READ_BYTES):
            self._pump.take(data)
        else:  # closed by the trainer, which may go on without it
            self._sources.remove(self._pipe)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_end = self._asked_to_end or time.monotonic()
        with suppress(ProcessLookupError):
            os.kill(self._child, number)

    def _seconds_left(self) -> float:
        if self._asked_to_end is None:
            return _SECONDS_TO_TELL
        return max(_SECONDS_AT_LEAST, self._asked_to_end + _SECONDS_AFTER_SIGTERM - time.monotonic())


def _pump_and_shipper(output: int) -> tuple[Any, Any]:
    """Imported after the fork: the trainer has begun meanwhile, and has its output even where ours are broken."""
    try:
        from trainer_image.output.pump import Pump
        from trainer_image.output.shipper import ship

        pump = Pump(output)
        return pump, ship(pump.lines)
    except Exception:
        traceback.print_exc()
        return Unread(output), None


def _wake_up_on(number: signal.Signals) -> int:
    """A descriptor that becomes readable with each signal; without it `select` would go on waiting."""
    read, write = os.pipe()
    for descriptor in (read, write):
        os.set_blocking(descriptor, False)
    signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    return read


def _killed_by(number: int) -> str:
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    hint = "; the kernel does that when the machine's memory is used up" if number == signal.SIGKILL else ""
    return f"ERROR the trainer's process was ended by {name}{hint}"
