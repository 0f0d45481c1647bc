"""`brightrun files`: upload, list and look at training files."""

from typing import Annotated

import typer

from brightrun.commands.validation import TrainingFilePath
from brightrun.errors import BrightrunError
from brightrun.exit_codes import Exit
from brightrun.output import out
from brightrun.reports import show_report
from brightrun.session import Json, plainly, session

app = typer.Typer(no_args_is_help=True, help="Training files.")


@app.command("upload")
@plainly
def upload(path: TrainingFilePath, as_json: Json = False) -> None:
    """Upload and check a training file."""
    _readable(path)
    with session() as client:
        file = client.upload(path)
    if not out.result(file):
        show_report(file.report or {})
        out.say(f"File {file.id}: {file.status}")
    if file.status == "invalid":
        raise typer.Exit(Exit.INVALID_FILE)


@app.command("list")
@plainly
def list_files(
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    after: Annotated[str, typer.Option(help="next_cursor of the page before")] = "",
    as_json: Json = False,
) -> None:
    """The workspace's training files, newest first."""
    with session() as client:
        page = client.files(limit, after or None)
    if out.result(page):
        return
    rows = [
        [
            item["id"],
            item.get("name") or item.get("file_name", ""),
            item.get("status", ""),
            (item.get("report") or {}).get("one_line", ""),
        ]
        for item in page.data
    ]
    out.table(["id", "name", "status", "content"], rows)
    if page.has_more:
        out.say(f"More: brightrun files list --after {page.next_cursor}")


@app.command("preview")
@plainly
def preview(file_id: str, as_json: Json = False) -> None:
    """The first three conversations exactly as they will be trained; learnt text in green."""
    with session() as client:
        found = client.preview(file_id)
    if out.result(found):
        return
    for conversation in found.get("conversations", found.get("data", [])):
        number = conversation.get("number")
        out.console.rule((f"conversation {number:,}: " if number else "") + conversation.get("key", ""))
        for segment in conversation["segments"]:
            out.console.print(segment["text"], style="green" if segment["learn"] else "dim", markup=False, end="")
        out.console.print()


def _readable(path: object) -> None:
    try:
        with open(str(path), "rb"):
            return
    except OSError as error:
        raise BrightrunError(f"{path}: {error.strerror}.", "Check the file's name and that you may read it.") from error
