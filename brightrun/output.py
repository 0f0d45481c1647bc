"""One door for everything that is printed: tables for people, JSON for programs, errors to stderr."""

import json
import sys
from typing import Any, NoReturn

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from brightrun.errors import ApiError, BrightrunError, NoCredentials, RefusedFile, Unreachable
from brightrun.exit_codes import Exit, for_status


class Output:
    """`as_json` comes from --json: then stdout holds one JSON value and nothing else."""

    def __init__(self) -> None:
        self.as_json = False
        # A pipe has no width: a table in it must not be folded to 80 columns.
        self.console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
        self.errors = Console(stderr=True, highlight=False, soft_wrap=True)

    def result(self, value: Any) -> bool:
        """Print a value for a program; False when a person is reading and it should be shown otherwise."""
        if self.as_json:
            print(json.dumps(_plain(value), ensure_ascii=False, default=str))
        return self.as_json

    def say(self, text: str = "") -> None:
        """For people only."""
        if not self.as_json:
            self.console.print(text, markup=False)

    def note(self, text: str) -> None:
        """Progress and hints: never on stdout when that holds JSON."""
        (self.errors if self.as_json else self.console).print(text, markup=False)

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
            self.errors.print(f"Error: {error}{code}", style="red", markup=False)
            if error.fix:
                self.errors.print(f"What to do: {error.fix}", markup=False)
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


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return [_plain(item) for item in value] if isinstance(value, list) else value


out = Output()
