"""`brightrun download`: the adapter, checked on arrival; or the metrics."""

import hashlib
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from brightrun.commands.jobs import JobId
from brightrun.errors import BrightrunError, Unreachable
from brightrun.models import Download
from brightrun.output import out
from brightrun.session import Json, plainly, session
from contracts.plurals import counted


@plainly
def download(
    job_id: JobId,
    folder: Annotated[Path, typer.Option("--out", "-o", help="Where to put the file.")] = Path("."),
    file_format: Annotated[str, typer.Option("--format", help="safetensors or bin")] = "safetensors",
    metrics: Annotated[str, typer.Option(help="csv or json: the training metrics instead of the adapter.")] = "",
    as_json: Json = False,
) -> None:
    """Download a finished job's adapter as a ZIP and check it against its SHA-256."""
    with session() as client:
        found = client.metrics_download(job_id, metrics) if metrics else client.adapter_download(job_id, file_format)
    path = fetch(found, folder)
    if not out.result({"path": str(path), "size_bytes": path.stat().st_size, "sha256": found.sha256}):
        out.say(f"{path} ({counted(path.stat().st_size, 'byte')}{', SHA-256 checked' if found.sha256 else ''})")


def fetch(found: Download, folder: Path) -> Path:
    """Stream a signed URL into `folder`; a file appears only when it is complete. Raises BrightrunError."""
    target = folder / Path(found.file_name).name
    partial = target.with_name(target.name + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digest = _stream(found, partial)
    except httpx.HTTPError as error:
        partial.unlink(missing_ok=True)
        raise Unreachable(f"The download broke off ({type(error).__name__}).", "Run the command again.") from error
    except OSError as error:
        raise BrightrunError(
            f"{target} cannot be written: {error.strerror}.", "Choose another folder with --out."
        ) from error
    if found.sha256 and digest != found.sha256:
        partial.unlink()
        raise BrightrunError("What arrived is not what was sent: its SHA-256 differs.", "Run the command again.")
    return partial.replace(target)


def _stream(found: Download, partial: Path) -> str:
    digest = hashlib.sha256()
    columns = (TextColumn("Downloading"), BarColumn(bar_width=30), DownloadColumn())
    with (
        httpx.stream("GET", found.url, timeout=60) as response,
        partial.open("wb") as file,
        Progress(*columns, console=out.errors, transient=True, disable=out.as_json) as progress,
    ):
        response.raise_for_status()
        bar = progress.add_task("", total=found.size_bytes)
        for chunk in response.iter_bytes(1 << 20):
            digest.update(chunk)
            progress.advance(bar, file.write(chunk))
    return digest.hexdigest()
