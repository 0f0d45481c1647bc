"""One door for everything that is printed: tables for people, JSON for programs, errors to stderr."""

import json
import sys
from textwrap import wrap
from typing import Any, NoReturn

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from brightrun.errors import ApiError, BrightrunError, NoCredentials, RefusedFile, Unreachable
from brightrun.exit_codes import Exit, for_status


class Output:
    """`as_json` comes from --json: then stdout holds one JSON value and nothing else.

    On a terminal text is wrapped at words, to its width; elsewhere a line stays a line, for grep and its like.
    """

    def __init__(self, console: Console | None = None, errors: Console | None = None) -> None:
        self.as_json = False
        # A pipe has no width: a table in it must not be folded to 80 columns.
        width = None if sys.stdout.isatty() else 200
        self.console = console or Console(highlight=False, soft_wrap=True, width=width)
        self.errors = errors or Console(stderr=True, highlight=False, soft_wrap=True)

    def result(self, value: Any) -> bool:
        """Print a value for a program; False when a person is reading and it should be shown otherwise."""
        if self.as_json:
            print(json.dumps(_plain(value), ensure_ascii=False, default=str))
        return self.as_json

    def say(self, text: str = "") -> None:
        """For people only. Text of several lines is laid out already, and printed as it is."""
        if not self.as_json:
            _print(self.console, text)

    def line(self, text: str) -> None:
        """A line of somebody else's text, as it is."""
        # without what would steer a terminal
        self.console.print(text.replace("\x1b", ""), markup=False, highlight=False, soft_wrap=True)

    def item(self, head: str, text: str) -> None:
        """For people only: an entry of a list, its further lines under the beginning of its text."""
        if not self.as_json:
            _print(self.console, text, head=head)

    def note(self, text: str) -> None:
        """Progress and hints: never on stdout when that holds JSON."""
        _print(self.errors if self.as_json else self.console, text)

    def table(self, columns: list[str], rows: list[list[str]]) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for position, column in enumerate(columns):
            # The first column is what other commands take as their argument: it must stay in one piece.
            table.add_column(column, overflow="fold", no_wrap=position == 0)
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def fail(self, error: BrightrunError) -> NoReturn:
        """What is wrong and what to do next, then the exit code for it."""
        if isinstance(error, ApiError) and self.as_json:
            print(error.problem.model_dump_json(exclude_none=True), file=sys.stderr)
        else:
            code = f" [{error.code}]" if isinstance(error, ApiError) else ""
            _print(self.errors, f"Error: {error}{code}", style="red")
            if error.fix:
                _print(self.errors, f"What to do: {error.fix}")
        raise typer.Exit(exit_code(error))


_EXITS: dict[type[BrightrunError], Exit] = {
    Unreachable: Exit.UNREACHABLE,
    NoCredentials: Exit.UNAUTHORIZED,
    RefusedFile: Exit.INVALID_FILE,
}


def exit_code(error: BrightrunError) -> Exit:
    if isinstance(error, ApiError):
        return for_status(error.status, error.code)
    return _EXITS.get(type(error), Exit.FAILED)


def _print(console: Console, text: str, *, head: str = "", style: str | None = None) -> None:
    lines = [text]
    if console.is_terminal and "\n" not in text:
        # Rich would break an id that is longer than the line.
        width = max(20, console.width - len(head))
        lines = wrap(text, width, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines or [""]):
        console.print((" " * len(head) if number else head) + line, style=style, markup=False, soft_wrap=True)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return [_plain(item) for item in value] if isinstance(value, list) else value


out = Output()
