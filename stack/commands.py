"""What the commands do: up, run, down, reset."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

from stack import dashboard, monitoring
from stack.bringup import BringUp
from stack.dashboard import DASHBOARD, DASHBOARD_OPERATIONS
from stack.health import wait_until_ready
from stack.layout import Layout
from stack.nats_permissions import SERVICES, TOPOLOGY
from stack.nats_security import NatsSecurity
from stack.orphans import end_orphans
from stack.parts import PartError
from stack.parts.process import LOOPBACK, free_port
from stack.passwords import Passwords
from stack.ports import REST_PORT, wanted_port
from stack.problems import StackError
from stack.programs import BACKUP, KNOWN, SERVERS, Blueprint, usual_programs
from stack.progress import tell
from stack.provider import FAKE_PROGRAMS
from stack.replicas import VARIABLE, replica_names, wanted_replicas
from stack.scrape_targets import write_targets
from stack.state import REST_SERVICE, StackState, choose_ports, operations_of, reachable_url, read_state
from stack.supervision import Supervision

DOCS_PATH = "/api/training/docs"


def up(layout: Layout, *, port: int | None = None, only: tuple[str, ...] = (), stay: bool = True) -> StackState:
    """Everything ready, or StackError with nothing left running. With `stay` it outlives this process.

    `only` empty: the usual programs.
    """
    supervision = Supervision(layout)
    fresh = not supervision.running()
    blueprint = _blueprint(layout, port, only or usual_programs()) if fresh else _running_blueprint(layout, port)
    state = _describe(blueprint)
    bring_up = BringUp(blueprint, state, supervision, _report)
    try:
        if fresh:
            bring_up.prepare()
            supervision.configure(blueprint.programs())
            state.save(layout)
            write_targets(layout, state)
            supervision.start(tied_to=os.getpid())
        bring_up.run()
    except BaseException as error:
        if fresh:
            supervision.stop()
        if isinstance(error, PartError):
            raise StackError(str(error), "`make logs` shows more.") from error
        raise
    if stay:
        supervision.release()
    return state


def run(layout: Layout, *, port: int | None = None, only: tuple[str, ...] = ()) -> None:
    """In the foreground until Ctrl-C, SIGTERM, or the end of the supervisor."""
    supervision = Supervision(layout)
    if supervision.running():
        raise StackError("The stack runs already.", "`make status` shows it, `make down` stops it.")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        announce(up(layout, port=port, only=only, stay=False), stop_with="Ctrl-C")
        while supervision.running():
            time.sleep(0.5)
    except KeyboardInterrupt:
        print("\nStopping ...", flush=True)
        down(layout)
    else:
        raise StackError("The supervisor ended.", f"Its log: {layout.logs / 'supervisord.log'}")


def down(layout: Layout) -> None:
    """Stops everything in order; afterwards no process of this stack is left."""
    supervision = Supervision(layout)
    if not supervision.running():
        orphans = end_orphans(layout)
        print(f"Ended what was left over: {', '.join(orphans)}." if orphans else "Nothing was running.")
        return
    began = time.monotonic()
    killed = [*supervision.stop(), *end_orphans(layout)]
    took = f"Stopped in {time.monotonic() - began:.1f} s."
    print(took + (f" Had to kill: {', '.join(killed)}." if killed else ""))


def restart(layout: Layout, program: str, *, stop: bool = True, start: bool = True) -> None:
    """One program of the running stack, or all replicas of a service: stopped in its own way, started again, or both.

    Of several replicas each is ready again before the next one is stopped.
    """
    supervision, state = Supervision(layout), read_state(layout)
    if state is None or not supervision.running():
        raise StackError("The stack is not running.", "Start it with `make up`.")
    found = state.programs_of(program)
    if not found:
        raise StackError(f"There is no program called {program}.", "`make status` shows the names.")
    for one in found:
        if stop:
            supervision.stop_program(one.name)
        if start:
            supervision.start_program(one.name)
        if stop and start and len(found) > 1:
            wait_until_ready(one)
        print(f"{one.name}: {'restarted' if stop and start else 'stopped' if stop else 'started'}", flush=True)


def reset(layout: Layout, *, confirmed: bool) -> None:
    """Deletes every job, file and key; the base model stays."""
    if not layout.data.exists():
        print(f"There is nothing in {layout.data}.")
        return
    print(f"This deletes all jobs, files, databases and keys in {layout.data} (the base model stays).")
    if not confirmed and not _says_yes():
        print("Nothing was deleted.")
        return
    down(layout)
    for path in layout.data.iterdir():
        if path == layout.model_cache:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    print("Deleted.")


def announce(state: StackState, stop_with: str = "make down") -> None:
    if state.program(REST_SERVICE):
        page = dashboard.address(state)
        print(f"\nBright Run is up at {page or state.url}   (API documentation: {state.url}{DOCS_PATH})")
        if not page:
            print("  web page  not there: `make setup` says why")
        print(f"  API key   {_short(state.credentials)}   (the brightrun command finds it by itself)")
    else:
        print(f"\nUp: {', '.join(program.name for program in state.programs)}")
    print(f"  logs      {_short(state.data_dir)}/logs   (make logs)")
    for name in monitoring.PROGRAMS:
        if program := state.program(name):
            print(f"  {name:<9} {reachable_url(program.host, program.port)}")
    print(f"  stop      {stop_with}", flush=True)
    if advice := monitoring.advice():
        print(f"\n{advice}", flush=True)


def _blueprint(layout: Layout, port: int | None, only: tuple[str, ...]) -> Blueprint:
    unknown = set(only) - set(KNOWN)
    if unknown:
        raise StackError(f"There is no program called {', '.join(unknown)}.", f"Known: {', '.join(KNOWN)}.")
    replicas, host = wanted_replicas(), os.environ.get("BRIGHTRUN_HOST") or LOOPBACK
    if replicas > 1 and ":" in host:
        raise StackError(f"Replicas cannot share a port on {host}.", "Give BRIGHTRUN_HOST an IPv4 address.")
    layout.make_folders()
    ports = choose_ports(layout, _port_names(only, replicas), wanted_port=port or wanted_port(), host=host)
    if DASHBOARD in only:
        before, others = ports.get(DASHBOARD), {number for name, number in ports.items() if name != DASHBOARD}
        ports[DASHBOARD] = dashboard.choose_port(before, host, others) or free_port(host)
    security = NatsSecurity.ensure(layout.data / "nats")
    return Blueprint(layout, ports, Passwords.ensure(layout), security, host, only, replicas)


def _port_names(only: tuple[str, ...], replicas: int) -> list[str]:
    """The REST port is looked at only when it will be used: a test stack may run beside another one."""
    sometimes = (*FAKE_PROGRAMS.values(), BACKUP, REST_SERVICE, *monitoring.PROGRAMS)
    names = [*SERVERS, TOPOLOGY, *(name for name in sometimes if name in only)]
    names += [DASHBOARD_OPERATIONS] * (DASHBOARD in only)
    for service in SERVICES:
        inner = replica_names(service, replicas)
        names += map(operations_of, inner) if service == REST_SERVICE else inner
    return names


def _running_blueprint(layout: Layout, port: int | None) -> Blueprint:
    """The one the running stack was started with."""
    state = read_state(layout)
    if state is None:
        raise StackError(f"{layout.state_file} is missing while the stack runs.", "`make down`, then `make up`.")
    if port and port != state.ports.get(REST_SERVICE):
        raise StackError(f"The stack runs already at {state.url}.", f"`make down` first to move it to {port}.")
    if os.environ.get(VARIABLE) and wanted_replicas() != state.replicas:
        raise StackError(f"The stack runs already with {state.replicas} of each service.",
                         f"`make down` first to start it with {wanted_replicas()}.")
    if late := set(monitoring.wanted_programs()) - set(state.selected):
        raise StackError(f"The stack runs already, without {' and '.join(sorted(late))}.",
                         "`make down`, then `make up MONITORING=1`.")
    security = NatsSecurity.load(layout.data / "nats")
    return Blueprint(
        layout, state.ports, Passwords.ensure(layout), security, state.host, state.selected, state.replicas)


def _describe(blueprint: Blueprint) -> StackState:
    layout = blueprint.layout
    return StackState(
        url=reachable_url(blueprint.host, blueprint.ports.get(REST_SERVICE, REST_PORT)),
        host=blueprint.host,
        ports=blueprint.ports,
        supervisor={"socket": str(layout.socket), "lock": str(layout.lock), "pid_file": str(layout.supervisor_pid)},
        credentials=str(layout.credentials_file),
        programs=tuple(program.state(layout) for program in blueprint.programs()),
        data_dir=str(layout.data),
        replicas=blueprint.replicas,
    )


def _says_yes() -> bool:
    if not sys.stdin.isatty():
        raise StackError("Nobody is there to be asked.", "make reset YES=1 deletes without asking.")
    return input("Type yes to go on: ").strip().lower() in ("y", "yes")


def _report(name: str, text: str) -> None:
    tell(f"  {name:<17} {text}")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _short(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
