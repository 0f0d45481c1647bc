"""supervisord: its configuration, its start under the reaper, and talking to it over its socket."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from stack.layout import ROOT, Layout
from stack.lock import holder
from stack.logs import last_words
from stack.orphans import FOLDER_MARK, family, kill_all
from stack.private_files import write_private, write_private_json
from stack.problems import StackError
from stack.programs import Program
from stack.replicas import service_of

REAPER = ROOT / "stack" / "process_reaper.py"
GROUPS = {"servers": 100, "services": 200}  # the higher stops first
# Stands for the number of a replica until supervisord puts it in.
_NUMBER = "\x01"


class Supervision:
    """The supervisor of one stack folder; `running()` asks the reaper's lock, never a pid alone."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def configure(self, programs: Iterable[Program]) -> None:
        everything = list(programs)
        self.write_environments(everything)
        write_private(self._config_file(), self._config(everything))

    def write_environments(self, programs: Iterable[Program]) -> None:
        """What each is told when it starts the next time."""
        for program in programs:
            write_private_json(self._environment_file(program.name), program.command.env)

    def start(self, *, tied_to: int) -> None:
        """Starts reaper and supervisor in a session of their own; they end with the process `tied_to` until
        `release()`."""
        log = (self.layout.logs / "supervisor.log").open("ab")
        command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self._config_file())]
        reaper = [sys.executable, "-S", "-E", str(REAPER), "--lock", str(self.layout.lock), "--with", str(tied_to)]
        self.layout.socket.unlink(missing_ok=True)
        reaping = subprocess.Popen(
            [*reaper, "--", *command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, FOLDER_MARK: str(self.layout.data)},
        )
        log.close()
        self._wait_for_socket(reaping)

    def release(self) -> None:
        """The stack stays when its starter ends."""
        if pid := self.reaper_pid():
            os.kill(pid, signal.SIGUSR1)

    def running(self) -> bool:
        return self.reaper_pid() is not None

    def reaper_pid(self) -> int | None:
        return holder(self.layout.lock)

    def stop(self, timeout_s: float = 60.0) -> list[str]:
        """Stops everything in order; the names of what had to be killed afterwards (normally nothing)."""
        reaper = self.reaper_pid()
        if reaper is None:
            return []
        everything = family(reaper)
        os.kill(reaper, signal.SIGTERM)
        gone_by = time.monotonic() + timeout_s
        while self.running() and time.monotonic() < gone_by:
            time.sleep(0.05)
        return kill_all(everything, patience_s=3)

    def processes(self) -> dict[str, dict[str, Any]]:
        """Program name -> what the supervisor says about it."""
        return {info["name"]: info for info in self._call("getAllProcessInfo")}

    def start_program(self, name: str) -> None:
        """Returns at once; one that runs already is left alone."""
        try:
            self._call("startProcess", self._full_name(name), False)
        except Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise StackError(f"The supervisor cannot start {name}: {fault.faultString}.") from fault

    def stop_program(self, name: str) -> None:
        """Returns when it has stopped; it stays so until it is started again."""
        try:
            self._call("stopProcess", self._full_name(name), True)
        except Fault as fault:
            if fault.faultCode != Faults.NOT_RUNNING:
                raise StackError(f"The supervisor cannot stop {name}: {fault.faultString}.") from fault

    def _full_name(self, name: str) -> str:
        info = self.processes().get(name)
        if info is None:
            raise StackError(f"There is no program called {name}.", "`make status` shows the names.")
        return f"{info['group']}:{name}"

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.layout.socket}")
        with ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            try:
                return getattr(proxy.supervisor, method)(*arguments)
            except OSError as error:
                raise StackError("The supervisor does not answer.", "`make down`, then `make up`.") from error

    def _wait_for_socket(self, reaping: subprocess.Popen[bytes], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and reaping.poll() is None:
            if self.layout.socket.exists():
                try:
                    self._call("getState")
                except StackError:
                    pass
                else:
                    return
            time.sleep(0.03)
        log = self.layout.logs / "supervisor.log"
        raise StackError(f"The supervisor did not start:\n{last_words(log, lines=2)}", f"More in its log: {log}")

    def _config_file(self) -> Path:
        return self.layout.supervisor / "supervisord.conf"

    def _environment_file(self, name: str) -> Path:
        return self.layout.supervisor / "environment" / f"{name}.json"

    def _config(self, programs: list[Program]) -> str:
        sections = [
            f"[unix_http_server]\nfile={self.layout.socket}\nchmod=0700\n",
            "[supervisord]\nnodaemon=true\nnocleanup=true\nminfds=4096\n"
            f"logfile={self.layout.logs / 'supervisord.log'}\nlogfile_maxbytes=5MB\nlogfile_backups=1\n"
            f"pidfile={self.layout.supervisor_pid}\nchildlogdir={self.layout.logs}\n"
            f"directory={ROOT}\n" + ("user=root\n" if os.geteuid() == 0 else ""),
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n",
        ]
        alone = [program for program in programs if not program.socket]
        sections += [self._program_section(program) for program in alone]
        for group, priority in GROUPS.items():
            names = ",".join(program.name for program in alone if program.group == group)
            sections += [f"[group:{group}]\nprograms={names}\npriority={priority}\n"] if names else []
        sections += self._replicas_sections([program for program in programs if program.socket])
        return "\n".join(sections).replace("%", "%%").replace(_NUMBER, "%(process_num)d")

    def _replicas_sections(self, programs: list[Program]) -> list[str]:
        """Replicas that share a listening socket. The supervisor holds it as long as one of them is there, so that no
        connection is refused or lost while another restarts or hangs."""
        by_socket: dict[str, list[Program]] = {}
        for program in programs:
            by_socket.setdefault(program.socket, []).append(program)
        return [self._shared_section(socket, replicas) for socket, replicas in by_socket.items()]

    def _shared_section(self, socket: str, replicas: list[Program]) -> str:
        service = service_of(replicas[0].name)
        name = f"{service}-{_NUMBER}"
        return (
            f"[fcgi-program:{service}]\nsocket={socket}\nprocess_name={name}\n"
            f"numprocs={len(replicas)}\nnumprocs_start=1\npriority={GROUPS[replicas[0].group]}\n"
            + self._settings(replicas[0], name)
        )

    def _program_section(self, program: Program) -> str:
        return f"[program:{program.name}]\n" + self._settings(program, program.name)

    def _settings(self, program: Program, name: str) -> str:
        log = self.layout.logs / f"{name}.log"
        return (
            f"command={self._command_line(program, name)}\ndirectory={ROOT}\n"
            "autostart=false\nautorestart=true\n"
            # One second counts as started. The supervisor waits a second more after each failed try in a row and
            # would give up after startretries: while the stack is up it never does.
            "startsecs=1\nstartretries=1000000\n"
            f"stopsignal={program.stop_signal}\nstopwaitsecs={program.stop_wait_s}\n"
            f"redirect_stderr=true\nstdout_logfile={log}\nstdout_logfile_maxbytes=10MB\nstdout_logfile_backups=2\n"
        )

    def _command_line(self, program: Program, name: str) -> str:
        options = ["--parent-file", str(self.layout.supervisor_pid)]
        options += ["--env-file", str(self._environment_file(name))]
        argv = program.command.behind_launcher(*options)
        return " ".join(_quoted(argument) for argument in argv)


def _quoted(argument: str) -> str:
    """supervisord splits by shell rules, but knows no single quotes inside single quotes."""
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'
