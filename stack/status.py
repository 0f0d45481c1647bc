"""`make status`: every program with its state, port, health and memory."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import psutil
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stack import monitoring
from stack.health import Health, part_health, service_health
from stack.layout import Layout
from stack.nats_security import NatsSecurity
from stack.orphans import family
from stack.parts import Part
from stack.passwords import Passwords
from stack.programs import Blueprint
from stack.state import ProgramState, StackState, reachable_url, read_state
from stack.supervision import Supervision


@dataclass(frozen=True)
class Row:
    """`memory_mib` is the proportional share (PSS) of the program and its children; 0 when not running."""

    name: str
    state: str
    ready: bool
    reason: str
    port: int
    pid: int
    uptime_s: int
    memory_mib: float


def show_status(layout: Layout, *, as_json: bool = False) -> bool:
    """Prints the table; whether everything is ready."""
    state, supervision = read_state(layout), Supervision(layout)
    if state is None or not supervision.running():
        print(json.dumps({"running": False}) if as_json else "The stack is not running. Start it with `make up`.")
        return False
    rows = collect(layout, state, supervision)
    overhead = sum(map(_memory, [p.pid for p in family(supervision.reaper_pid() or 0)[:2]]))
    if as_json:
        document = {"running": True, "url": state.url, "programs": [asdict(row) for row in rows]}
        print(json.dumps(document | {"supervisor_memory_mib": round(overhead, 1)}, indent=2))
    else:
        _print(state, rows, overhead)
    return all(row.ready for row in rows)


def collect(layout: Layout, state: StackState, supervision: Supervision) -> list[Row]:
    security = NatsSecurity.load(layout.data / "nats")
    blueprint = Blueprint(
        layout, state.ports, Passwords.ensure(layout), security, state.host, state.selected, state.replicas)
    parts, processes = blueprint.parts(), supervision.processes()
    with ThreadPoolExecutor(len(state.programs)) as pool:
        rows = pool.map(lambda program: _row(program, processes.get(program.name, {}), parts), state.programs)
        return list(rows)


def _row(program: ProgramState, process: dict[str, Any], parts: dict[str, Part]) -> Row:
    running = process.get("statename") in ("RUNNING", "STARTING")
    pid, started = int(process.get("pid", 0)), int(process.get("start", 0))
    health = _health(program, parts) if running else Health(False, str(process.get("description", "")))
    uptime = int(process.get("now", 0)) - started if running else 0
    memory = sum(_memory(member.pid) for member in family(pid)) if pid else 0.0
    return Row(
        program.name,
        str(process.get("statename", "unknown")).lower(),
        health.ready,
        health.reason,
        program.port,
        pid,
        uptime,
        round(memory, 1),
    )


def _health(program: ProgramState, parts: dict[str, Part]) -> Health:
    if program.name in parts:
        return part_health(parts[program.name])
    return service_health(program) if program.health else Health(True)


def _memory(pid: int) -> float:
    """MiB; shared pages divided among those who share them. Falls back to the resident size."""
    try:
        process = psutil.Process(pid)
        try:
            return float(process.memory_full_info().pss) / 2**20
        except psutil.AccessDenied:
            return float(process.memory_info().rss) / 2**20
    except psutil.Error:
        return 0.0


def _print(state: StackState, rows: list[Row], overhead: float) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("program", "state", "health", "port", "pid", "up", "memory"):
        table.add_column(column, justify="right" if column in ("port", "pid", "up", "memory") else "left")
    for row in rows:
        health = _in_words(row)
        port, pid = str(row.port or "-"), str(row.pid or "-")
        table.add_row(row.name, row.state, health, port, pid, _span(row.uptime_s), f"{row.memory_mib:.0f} MiB")
    console = Console()
    console.print(table)
    total = sum(row.memory_mib for row in rows) + overhead
    watching = [f"{name} {reachable_url(program.host, program.port)}" for name in monitoring.PROGRAMS
                if (program := state.program(name))]
    if watching:
        console.print(f"\n{'   '.join(watching)}", highlight=False, end="")
    console.print(f"\n{state.url}   memory {total:.0f} MiB with the supervisor ({overhead:.0f})", highlight=False)


def _in_words(row: Row) -> str:
    if not row.ready:
        return f"[red]{escape(row.reason or 'not ready')}[/]"
    return f"[yellow]ready, but {escape(row.reason)}[/]" if row.reason else "[green]ready[/]"


def _span(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
