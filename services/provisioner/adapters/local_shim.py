"""Keeps one trainer process, detached from the provisioner and tied to the stack.

    python -S -E local_shim.py FOLDER OWNER_PID -- program ...

- In a session of its own: a kill of the provisioner does not reach it, and the next provisioner finds it again.
- Holds a lock on FOLDER/lock as long as it lives; a second shim for the same folder ends at once, so a repeated
  create never starts a second trainer. A folder whose trainer has ever run is never started again.
- The trainer dies with the shim (PR_SET_PDEATHSIG), the shim ends when the owner (the stack's supervisor) does.
- SIGTERM: SIGTERM to the trainer, five seconds, SIGKILL - what a spot machine gets.

Writes status.json when the trainer runs and exit.json when it ended, each atomically; says "ok" on stdout once
status.json is there. Secrets come and go in the environment, never on the command line or on disk.
Standard library only and run with -S -E: it starts in a few hundredths of a second.
"""

import ctypes
import fcntl
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress

GRACE_S = 5.0
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    LIBC.prctl(option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3)


def detach() -> None:
    """Become a child of init in a session of our own; the caller's child ends at once."""
    if os.fork():
        os._exit(0)
    os.setsid()
    # Workers of the trainer that outlive it become our children, so that they can be ended as well.
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def take_lock(folder: str) -> bool:
    """Hold the folder until we die. The descriptor stays open on purpose; a child does not inherit the lock."""
    descriptor = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def write_json(folder: str, name: str, content: "dict[str, object]") -> None:
    path = os.path.join(folder, name)
    with open(path + ".new", "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def start_trainer(folder: str, argv: "list[str]") -> int:
    """Fork and become the trainer, in a process group of its own; returns its pid."""
    shim = os.getpid()
    pid = os.fork()
    if pid:
        make_group(pid)
        return pid
    make_group(0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != shim:
        os._exit(125)
    log = os.open(os.path.join(folder, "trainer.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)  # noqa: S606
    except OSError as error:
        os.write(2, f"cannot start {argv[0]}: {error.strerror}\n".encode())
        os._exit(127)


def make_group(pid: int) -> None:
    """Done by parent and child, since either may need it first."""
    with suppress(OSError):
        os.setpgid(pid, pid)


def start_ticks(pid: int) -> str:
    """When the process began (field 22 of /proc/PID/stat): tells it from a later one with the same number."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[19]


def open_pid(pid: int) -> int:
    """A descriptor that becomes readable when the process ends; -1 when it is gone already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return -1


class Watch:
    """Waits for the trainer's end, the owner's end, or the wish to stop."""

    def __init__(self, trainer: int, owner: int) -> None:
        self.trainer = trainer
        self.wake_read, wake_write = os.pipe()
        for descriptor in (self.wake_read, wake_write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self.trainer_fd = open_pid(trainer)
        self.owner_fd = open_pid(owner) if owner else None
        self.poll = select.poll()
        for watched in (self.wake_read, self.trainer_fd, self.owner_fd):
            if watched is not None and watched >= 0:
                self.poll.register(watched, select.POLLIN)

    def run(self) -> "tuple[int, str]":
        """(exit code, why). 128 + n for a trainer that signal n ended."""
        reason, kill_at = "exited", None
        if self.owner_fd == -1:
            reason = self.kill("owner_gone")
        while True:
            ready = {descriptor for descriptor, _ in self.poll.poll(self._wait_ms(kill_at))}
            ended, status = os.waitpid(self.trainer, os.WNOHANG)
            if ended:
                return exit_code(status), reason
            if self.owner_fd in ready:
                self.poll.unregister(self.owner_fd)
                reason = self.kill("owner_gone")
            if self.wake_read in ready and signal.SIGTERM in self._signals() and kill_at is None:
                reason, kill_at = "terminated", time.monotonic() + GRACE_S
                os.kill(self.trainer, signal.SIGTERM)
            if kill_at is not None and time.monotonic() >= kill_at:
                self.kill(reason)

    def kill(self, reason: str) -> str:
        """Nothing can be saved without the stack, so its end is the trainer's end, without a grace period."""
        os.killpg(self.trainer, signal.SIGKILL)
        return reason

    def _signals(self) -> bytes:
        try:
            return os.read(self.wake_read, 512)
        except BlockingIOError:
            return b""

    def _wait_ms(self, kill_at: "float | None") -> "int | None":
        return None if kill_at is None else max(10, int((kill_at - time.monotonic()) * 1000))


def exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def end_workers(group: int) -> None:
    """Whatever the trainer left behind in its process group."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def main(arguments: "list[str]") -> None:
    split = arguments.index("--")
    folder, owner = arguments[0], int(arguments[1])
    detach()
    if not take_lock(folder) or os.path.exists(os.path.join(folder, "status.json")):
        return
    # Handlers that do nothing: the wake-up pipe is what counts, and SIG_DFL would end the shim.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    trainer = start_trainer(folder, arguments[split + 1 :])
    watch = Watch(trainer, owner)
    status = {"shim_pid": os.getpid(), "trainer_pid": trainer, "trainer_start_ticks": start_ticks(trainer)}
    write_json(folder, "status.json", {**status, "started_at": time.time()})
    os.write(1, b"ok")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    code, reason = watch.run()
    end_workers(trainer)
    write_json(folder, "exit.json", {"exit_code": code, "exited_at": time.time(), "reason": reason})


if __name__ == "__main__":
    main(sys.argv[1:])
