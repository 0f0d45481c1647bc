"""The checks of `brightrun doctor`. Each returns findings and raises nothing."""

import json
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from brightrun.client import Client
from brightrun.credentials import data_folder, find_credentials
from brightrun.errors import BrightrunError
from contracts.local_base_model import SHIPPED_BASE_MODEL

_DISK_GB = 5
REST_PORT = 8700


@dataclass(frozen=True)
class Finding:
    """`note` is worth knowing and stops nothing; `failed` needs the fix."""

    name: str
    state: Literal["ok", "note", "failed"]
    detail: str
    fix: str = ""


def python() -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return [Finding("Python", "ok", version)]
    return [
        Finding("Python", "failed", f"{version}; 3.11, 3.12 or 3.13 is needed", "make setup PYTHON=/path/to/python3.11")
    ]


def disk() -> list[Finding]:
    folder = data_folder().parent
    free = shutil.disk_usage(folder).free / 1e9
    if free >= _DISK_GB:
        return [Finding("Disk", "ok", f"{free:.0f} GB free")]
    return [
        Finding(
            "Disk",
            "failed",
            f"{free:.1f} GB free at {folder}",
            f"Free at least {_DISK_GB} GB: PostgreSQL and NATS stop on a full disk.",
        )
    ]


def base_model() -> list[Finding]:
    if (SHIPPED_BASE_MODEL / "model.safetensors").exists():
        return [Finding("Base model", "ok", str(SHIPPED_BASE_MODEL))]
    return [Finding("Base model", "failed", f"{SHIPPED_BASE_MODEL} is not there",
                    f"git checkout -- {SHIPPED_BASE_MODEL}")]


def gpu() -> list[Finding]:
    try:
        import pynvml

        pynvml.nvmlInit()
        names = [
            pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(n)) for n in range(pynvml.nvmlDeviceGetCount())
        ]
    except Exception:  # any failure of the driver's library means the same: there is none to use
        return [Finding("GPU", "note", "none; the local trainer uses the CPU", "Nothing to do for the bundled model.")]
    return [Finding("GPU", "ok", ", ".join(map(str, names)))]


def stack() -> list[Finding]:
    """Every program that the stack has written down, asked one by one."""
    path = data_folder() / "stack.json"
    try:
        state = json.loads(path.read_text())
        programs = state["programs"]
    except (OSError, ValueError, KeyError):
        return [_port_is_free(), Finding("Stack", "note", "never started here", "make up")]
    return [_program(item) for item in programs]


def _port_is_free() -> Finding:
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", REST_PORT)) != 0:
            return Finding(f"Port {REST_PORT}", "ok", "free")
    return Finding(
        f"Port {REST_PORT}", "failed", "taken by another program", "Stop it, or start with: BRIGHTRUN_PORT=8701 make up"
    )


def _program(item: dict[str, Any]) -> Finding:
    name, address = item["name"], f"{item['host']}:{item['port']}"
    if not item["port"]:
        return Finding(name, "ok", "has no port")
    try:
        if item.get("health"):
            return _healthy(name, address, httpx.get(item["health"], timeout=3))
        with socket.create_connection((item["host"], item["port"]), timeout=3):
            return Finding(name, "ok", address)
    except (OSError, httpx.HTTPError):
        return Finding(name, "failed", f"{address} does not answer", f"make up; then: make logs PROGRAM={name}")


def _healthy(name: str, address: str, response: httpx.Response) -> Finding:
    wrong, fix = _wrong_checks(response), f"make logs PROGRAM={name}"
    if not response.is_success:
        return Finding(name, "failed", f"{address} is not ready ({wrong or response.status_code})", fix)
    if wrong:
        return Finding(name, "failed", f"{address} answers, but {wrong}", fix)
    return Finding(name, "ok", address)


def _wrong_checks(response: httpx.Response) -> str:
    """A service whose database works is ready, whatever else is wrong: what that is stands in its checks."""
    try:
        checks = response.json().get("checks", {}).items()
        wrong = {name: check for name, check in checks if check["status"] != "ok"}
        return ", ".join(f"{name}: {check.get('detail', check['status'])}" for name, check in wrong.items())
    except (ValueError, AttributeError, KeyError, TypeError):
        return ""


def key() -> list[Finding]:
    """The key is there, and the API takes it."""
    try:
        credentials = find_credentials()
    except BrightrunError as error:
        return [Finding("API key", "failed", str(error), error.fix)]
    try:
        with Client(credentials) as client:
            caller = client.me()
    except BrightrunError as error:
        return [Finding("API key", "failed", str(error), error.fix)]
    return [
        Finding("API key", "ok", f"{credentials.source}; {', '.join(caller['roles'])} of {caller['workspace_name']}")
    ]


def parts() -> list[Finding]:
    """What the API says of the parts it works with; nothing where it cannot be asked, which `key` reports."""
    try:
        with Client(find_credentials()) as client:
            found = client.status()["parts"]
    except BrightrunError:
        return []
    return [_part(item) for item in found]


def _part(item: dict[str, Any]) -> Finding:
    if item["status"] == "ok":
        return Finding(item["title"], "ok", "works")
    return Finding(item["title"], "failed", item["message"], item["suggested_fix"])


ALL: tuple[Callable[[], list[Finding]], ...] = (python, disk, base_model, gpu, stack, key, parts)
