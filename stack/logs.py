"""`make logs`: the newest lines of one or all programs, and what is added."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from stack.layout import Layout
from stack.problems import StackError
from stack.replicas import service_of
from stack.state import read_state

TAIL_BYTES = 256 * 1024


def show_logs(layout: Layout, program: str | None, *, lines: int, follow: bool) -> None:
    """Raises StackError for a program without a log."""
    files = _files(layout, program)
    named = len(files) > 1
    for path in files:
        for line in _last_lines(path, lines):
            _print(path, line, named=named)
    if follow:
        _follow(files, named=named)


def _files(layout: Layout, program: str | None) -> list[Path]:
    """Of one program, of all replicas of a service, or of everything."""
    paths = sorted(layout.logs.glob("*.log"))
    if not paths:
        raise StackError(f"There are no logs in {layout.logs}.", "Start the stack with `make up`.")
    known = {path.stem: path for path in paths if not _is_of_another_count(path.stem, layout)}
    if program is None:
        return [path for name, path in known.items() if name != "supervisord"]
    found = [path for name, path in known.items() if program in (name, service_of(name))]
    if not found:
        raise StackError(f"There is no log of {program}.", f"There are: {', '.join(known)}.")
    return found


def _is_of_another_count(name: str, layout: Layout) -> bool:
    """`job_api` where its replicas run now, and the other way round: it says nothing new."""
    state = read_state(layout)
    running = [program.name for program in state.programs_of(service_of(name))] if state else []
    return bool(running) and name not in running


def last_words(path: Path, lines: int = 1, longest: int = 300) -> str:
    """What a program said last."""
    words = _last_lines(path, lines) if path.exists() else []
    return "\n".join(line[:longest] for line in words) or "(its log is empty)"


def _last_lines(path: Path, count: int) -> list[str]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()[-count:]


def _follow(files: list[Path], *, named: bool) -> None:
    opened = {path: _at_end(path) for path in files}
    while True:
        for path, file in list(opened.items()):
            for line in _new_lines(file):
                _print(path, line, named=named)
            if path.exists() and path.stat().st_size < file.tell():  # rotated
                file.close()
                opened[path] = path.open("rb")
        time.sleep(0.3)


def _at_end(path: Path) -> BinaryIO:
    file = path.open("rb")
    file.seek(0, 2)
    return file


def _new_lines(file: BinaryIO) -> Iterator[str]:
    while line := file.readline():
        if not line.endswith(b"\n"):  # half a line: read it again when it is whole
            file.seek(-len(line), 1)
            return
        yield line.decode(errors="replace").rstrip("\n")


def _print(path: Path, line: str, *, named: bool) -> None:
    print(f"{path.stem:<17} {line}" if named else line, flush=True)
