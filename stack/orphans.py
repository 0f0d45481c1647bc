"""Finding and ending processes of a stack: those below its reaper, and those left over without one."""

from __future__ import annotations

import os
from collections.abc import Iterable

import psutil

from stack.layout import Layout

# Set for everything below the reaper; a pod gets an environment of its own and is known by its folder.
FOLDER_MARK, POD_FOLDER = "BRIGHTRUN_STACK_FOLDER", "BRIGHTRUN_WORK_DIR"


def family(pid: int) -> list[psutil.Process]:
    """A process and everything below it."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end_orphans(layout: Layout) -> list[str]:
    """Kills processes of this folder's stack when no reaper is there any more; their names."""
    above = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return kill_all(p for p in psutil.process_iter() if p.pid not in above and _belongs(p, layout))


def kill_all(processes: Iterable[psutil.Process], patience_s: float = 0) -> list[str]:
    """Kills what is still alive after `patience_s`; the names."""
    living = [process for process in processes if lives(process)]
    if patience_s:
        _, living = psutil.wait_procs(living, timeout=patience_s)
    named = [(process, _name(process)) for process in living if lives(process)]
    for process, _ in named:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs([process for process, _ in named], timeout=5)
    return sorted(name for _, name in named)


def lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _belongs(process: psutil.Process, layout: Layout) -> bool:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    inside_pods = f"{layout.pods}{os.sep}"
    return environment.get(FOLDER_MARK) == str(layout.data) or environment.get(POD_FOLDER, "").startswith(inside_pods)


def _name(process: psutil.Process) -> str:
    try:
        return f"{process.name()} (pid {process.pid})"
    except psutil.NoSuchProcess:
        return f"pid {process.pid}"
