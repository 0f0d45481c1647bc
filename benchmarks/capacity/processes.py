"""Processor time, memory and connections of programs of this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import psutil


def processor_s(pid: int) -> float:
    """Of a process and its children so far, those that have ended included."""
    process = psutil.Process(pid)
    total = _seconds(process)
    for child in process.children(recursive=True):
        try:
            total += _seconds(child)
        except psutil.NoSuchProcess:
            continue
    return total


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def connections(pid: int, ports: Iterable[int]) -> dict[int, int]:
    """Established connections to each of these ports."""
    process = psutil.Process(pid)
    found: Counter[int] = Counter()
    for one in (process, *process.children(recursive=True)):
        for connection in one.net_connections("tcp"):
            if connection.status == psutil.CONN_ESTABLISHED and connection.raddr:
                found[connection.raddr.port] += 1
    return {port: found[port] for port in ports}
