"""What every command shares: a client, and errors that end with words and an exit code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any, TypeVar

import typer

from brightrun.client import Client
from brightrun.errors import BrightrunError
from brightrun.exit_codes import Exit
from brightrun.output import out

Command = TypeVar("Command", bound=Callable[..., Any])
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")]


@contextmanager
def session() -> Iterator[Client]:
    with Client() as client:
        yield client


def plainly(command: Command) -> Command:
    """No stack trace for a user: our errors become messages, Ctrl-C its own exit code."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        out.as_json = bool(options.get("as_json"))
        try:
            return command(*arguments, **options)
        except BrightrunError as error:
            out.fail(error)
        except KeyboardInterrupt:
            raise typer.Exit(Exit.INTERRUPTED) from None

    return run  # type: ignore[return-value]
