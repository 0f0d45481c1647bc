"""`brightrun errors` and `brightrun error-log`: how jobs fail, and one failure as a file for support."""

from pathlib import Path
from typing import Annotated, Any

import typer

from brightrun.choices import PresetName
from brightrun.output import out
from brightrun.session import Json, plainly, session
from contracts.plurals import counted

app = typer.Typer(no_args_is_help=True, help="How jobs fail, and what helps.")


@app.command("stats")
@plainly
def stats(
    preset: Annotated[list[PresetName] | None, typer.Option(help="May be given several times.")] = None,
    after: Annotated[str, typer.Option(help="Jobs that ended then or later: 2026-11-01T00:00:00Z")] = "",
    before: Annotated[str, typer.Option(help="Jobs that ended earlier.")] = "",
    as_json: Json = False,
) -> None:
    """The most frequent errors, and how retries went with what was suggested and without."""
    with session() as client:
        found = client.error_statistics(
            preset=[item.value for item in preset or []], ended_after=after, ended_before=before)
    if out.result(found):
        return
    out.say(f"{found['failed']} of {found['ended']} jobs failed.")
    rows = [[code["code"], code["class"], str(code["count"]), f"{code['share']:.0%}",
             _success(code["retries"]["with_suggestion"]), _success(code["retries"]["without_suggestion"])]
            for code in found["codes"]]
    if rows:
        out.table(["error", "who acts", "jobs", "share", "retries as suggested", "other retries"], rows)
    for item in found["presets"]:
        out.say(f"{item['preset']}: {item['failed']} of {item['ended']} failed"
                + (f", most of them with {item['most_frequent']}" if item["most_frequent"] else ""))


@plainly
def error_log(
    job_id: Annotated[str, typer.Argument(metavar="JOB_ID", help="See `brightrun jobs list`.")],
    into: Annotated[Path, typer.Option("--out", help="Folder for the ZIP.")] = Path(),
    as_json: Json = False,
) -> None:
    """Everything about a job's failure as one ZIP for support; no secrets are in it."""
    with session() as client:
        content = client.error_log(job_id)
    into.mkdir(parents=True, exist_ok=True)
    path = into / f"job-{job_id}-error-log.zip"
    path.write_bytes(content)
    if not out.result({"file": str(path), "size_bytes": len(content)}):
        out.say(f"{path} ({counted(len(content), 'byte')})")


def _success(found: dict[str, Any]) -> str:
    return f"{found['completed']} of {found['ended']} completed" if found["ended"] else "-"
