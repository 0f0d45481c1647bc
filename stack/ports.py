"""Which port each part listens on: chosen once, remembered, and never taken from another program."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from stack.parts.process import LOOPBACK, free_port
from stack.problems import StackError
from stack.provider import FAKE_KUBERNETES, FAKE_RUNPOD, wanted_fake

REST_PORT = 8700
_WITH_A_FAKE = {FAKE_RUNPOD: 8701, FAKE_KUBERNETES: 8702}


def wanted_port() -> int | None:
    """What BRIGHTRUN_PORT says. Raises StackError."""
    text = os.environ.get("BRIGHTRUN_PORT", "")
    if not text:
        return None
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise StackError(f"BRIGHTRUN_PORT={text} is no port number.", "Give a number from 1 to 65535.")
    return int(text)


def is_free(port: int, host: str = LOOPBACK) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a recent use is no obstacle
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def rest_port(wanted: int | None, remembered: int | None, host: str) -> int:
    """The REST port is part of the product's address, so it is never moved silently."""
    port = wanted or remembered or _WITH_A_FAKE.get(wanted_fake(), REST_PORT)
    if not is_free(port, host):
        raise StackError(
            f"Port {port} on {host} is taken{holder_of(port)}.",
            "Stop that program, or choose another port: BRIGHTRUN_PORT=8701 make up "
            "(or python -m stack up --port 8701). The choice is remembered.",
        )
    return port


def inner_ports(names: Iterable[str], remembered: dict[str, int]) -> dict[str, int]:
    """Remembered ports that are still free, new ones otherwise; nobody but our own services uses them."""
    chosen: dict[str, int] = {}
    for name in names:
        port = remembered.get(name, 0)
        while not port or port in chosen.values() or port == REST_PORT or not is_free(port):
            port = free_port()
        chosen[name] = port
    return chosen


def holder_of(port: int) -> str:
    """` by NAME (pid N)` when this user may see it."""
    try:
        import psutil  # absent before the installation, which asks whether the port is free
    except ImportError:
        return ""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        address = connection.laddr
        if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
            try:
                name = psutil.Process(connection.pid).name()
            except psutil.Error:
                name = "a program"
            return f" by {name} (pid {connection.pid})"
    return ""
