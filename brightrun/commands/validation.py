"""`brightrun validate`: check a training file on this machine; nothing is uploaded."""

from pathlib import Path
from typing import Annotated

import typer

from brightrun.errors import BrightrunError, RefusedFile
from brightrun.exit_codes import Exit
from brightrun.output import out
from brightrun.reports import show_report
from brightrun.session import Json, plainly
from brightrun.tokenizers_here import counter_here
from contracts.training_file import TrainingFileRefused, import_training_file

TrainingFilePath = Annotated[
    Path, typer.Argument(metavar="FILE", help="Bright Run JSON or JSONL, chat, prompt-completion or ShareGPT file.")
]


@plainly
def validate(path: TrainingFilePath, as_json: Json = False) -> None:
    """Check a training file here, without uploading it."""
    report = check(path)
    if not out.result(report):
        show_report(report)
        out.say("This file can be trained." if report["can_train"] else "This file cannot be trained as it is.")
    if not report["can_train"]:
        raise typer.Exit(Exit.INVALID_FILE)


def check(path: Path) -> dict[str, object]:
    """The report as JSON values. Raises BrightrunError for a file that cannot be read at all."""
    try:
        with path.open("rb") as stream:
            report = import_training_file(stream, lambda _: None, file_name=path.name, count_tokens=counter_here())
    except OSError as error:
        raise BrightrunError(
            f"{path}: {error.strerror or error}.", "Check the file's name and that you may read it."
        ) from error
    except TrainingFileRefused as error:
        raise RefusedFile(f"{path}: {error} [{error.code}]", error.suggested_fix) from error
    return report.model_dump(mode="json")
