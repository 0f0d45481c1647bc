"""`brightrun dlq`: messages that no service could take; for admins."""

import json
from typing import Annotated

import typer

from brightrun.errors import BrightrunError
from brightrun.output import out
from brightrun.session import Json, plainly, session

app = typer.Typer(no_args_is_help=True, help="Dead letters: messages that no service could take.")
Sequence = Annotated[int, typer.Argument(help="The number in `brightrun dlq list`.", min=1)]


@app.command("list")
@plainly
def list_letters(
    limit: Annotated[int, typer.Option(min=1, max=100)] = 50, after: str = "", as_json: Json = False
) -> None:
    """The dead letters and why each of them is one."""
    with session() as client:
        page = client.dead_letters(limit, after or None)
    if out.result(page):
        return
    if not page.data:
        out.say("No dead letters.")
        return
    rows = [
        [
            str(item["sequence"]),
            (item.get("dead_lettered_at") or "")[:19],
            item["consumer"],
            item["subject"],
            item["error"],
        ]
        for item in page.data
    ]
    out.table(["number", "since", "consumer", "subject", "error"], rows)


@app.command("show")
@plainly
def show(sequence: Sequence, as_json: Json = False) -> None:
    """One dead letter whole."""
    with session() as client:
        found = client.dead_letter(sequence)
    if not out.result(found):
        out.say(json.dumps(found, indent=2, ensure_ascii=False))


@app.command("replay")
@plainly
def replay(
    sequence: Annotated[int | None, typer.Argument(help="The number in `brightrun dlq list`.", min=1)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
    as_json: Json = False,
) -> None:
    """Send a dead letter again, once the reason is mended. A service that has its effect already ignores it."""
    if (sequence is None) == (not everything):
        raise BrightrunError("Say which dead letter.", "Give its number, or --all.")
    with session() as client:
        found = client.replay(sequence)
    if not out.result(found):
        out.say(f"Sent again: {len(found['replayed'])}; failed: {len(found['failed'])}.")
    if found["failed"]:
        raise typer.Exit(1)
