"""Keeps the supervisor company so that nothing of the stack outlives it.

    python -S -E process_reaper.py --lock FILE [--with PID] -- command ...

- Holds a lock on FILE, with its pid inside, as long as the stack runs: two stacks never share a folder.
- Runs the command (the supervisor). When that ends, however it ends, every process still below it is killed:
  the reaper is a subreaper, so orphans of the supervisor become its own children.
- SIGTERM or SIGINT: the command gets SIGTERM and time to stop everything in order.
- With `--with PID` the stack ends when that process ends (its starter, until it reports success by SIGUSR1:
  from then on the reaper stays alone). The launcher ties the command to the reaper in the same way.

Standard library only, run with -S -E.
"""

import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_S = 40.0  # longest stop of a program plus the servers after it
GRACE_FOR_DYING_S = 3.0  # PostgreSQL needs a moment to notice that its postmaster is gone
LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.py")


class ProcessReaper:
    def __init__(self, starter: int) -> None:
        self.asked_at, self.supervisor = 0.0, 0
        # readable as soon as the process has ended, also when nobody has collected it yet
        self.starter = os.pidfd_open(starter) if starter else -1
        signal.signal(signal.SIGTERM, self.ask)
        signal.signal(signal.SIGINT, self.ask)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, self.stay)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake `rest`
        self.wake, writer = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def ask(self, *_: object) -> None:
        """The supervisor is asked once; a second SIGTERM would make it give up on what is still stopping."""
        if not self.asked_at and self.supervisor:
            self.asked_at = time.monotonic()
            os.kill(self.supervisor, signal.SIGTERM)

    def stay(self, *_: object) -> None:
        self.starter = -1

    def run(self, command: "list[str]") -> int:
        launched = [sys.executable, "-S", "-E", LAUNCHER, "--signal", "TERM", "--parent", str(os.getpid()), "--"]
        self.supervisor = subprocess.Popen([*launched, *command], stdin=subprocess.DEVNULL).pid
        while True:
            code = self.reap()
            if code is not None:
                return code
            if self.asked_at and time.monotonic() - self.asked_at > PATIENCE_S:
                os.kill(self.supervisor, signal.SIGKILL)
            self.rest(0.5 if self.asked_at else 60.0)

    def rest(self, seconds: float) -> None:
        """Sleeps until a signal comes or the starter ends; time.sleep would sleep on."""
        watched = [self.wake] if self.starter < 0 or self.asked_at else [self.wake, self.starter]
        ready = select.select(watched, [], [], seconds)[0]
        if self.wake in ready:
            os.read(self.wake, 512)
        if self.starter in ready:
            self.ask()

    def reap(self) -> "int | None":
        """Collects whatever ended; the supervisor's exit code when it was among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 1
            if pid == self.supervisor:
                return os.waitstatus_to_exitcode(status)
            if pid == 0:
                return None

    def sweep(self) -> None:
        """Ends what is left: waits a moment for what is dying anyway, then kills until no child is left."""
        deadline = time.monotonic() + GRACE_FOR_DYING_S
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid:
                continue
            if time.monotonic() > deadline:
                for child in children():
                    os.kill(child, signal.SIGKILL)
            time.sleep(0.05)


def children() -> "list[int]":
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(pid) for pid in file.read().split()]


def hold(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("reaper: another stack runs in this folder")
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())


def main(arguments: "list[str]") -> int:
    split = arguments.index("--")
    options, command = arguments[:split], arguments[split + 1 :]
    hold(options[options.index("--lock") + 1])
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, *(ctypes.c_ulong(n) for n in (1, 0, 0, 0)))
    try:
        reaper = ProcessReaper(int(options[options.index("--with") + 1]) if "--with" in options else 0)
    except ProcessLookupError:
        return 1  # the starter has ended already
    code = reaper.run(command)
    reaper.sweep()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
