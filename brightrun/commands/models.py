"""`brightrun models`: base models on a volume, in 4 bits. The work is the trainer's; this starts it."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from brightrun.errors import BrightrunError
from brightrun.exit_codes import Exit
from brightrun.session import plainly

app = typer.Typer(no_args_is_help=True, help="Base models, kept in 4 bits on a volume.")
Model = Annotated[str, typer.Argument(metavar="ORG/NAME[@REVISION]", help="Hub id; pin it to a commit, tag or branch.")]
Volume = Annotated[Path, typer.Option("--to", help="Where the volume is mounted.")]


@app.command("prefetch")
@plainly
def prefetch(
    model: Model,
    to: Volume = Path("/models"),
    verify: Annotated[bool, typer.Option("--verify", help="Only compare what is there with its hashes.")] = False,
) -> None:
    """Fetch a base model at one commit, check it, and keep it in 4 bits; cut off, it goes on where it stopped."""
    if not all(find_spec(name) for name in ("trainer_image", "torch")):
        raise BrightrunError(
            "Quantising a model needs the trainer's packages, which are not installed here.",
            f"Run it in the trainer's image: docker run --rm -v {to}:/models -e HF_TOKEN IMAGE trainer_image.prefetch "
            f"{model}; or from a checkout after `make setup`.")
    words = [model, "--to", str(to), *(["--verify"] if verify else [])]
    if code := subprocess.run([sys.executable, "-m", "trainer_image.prefetch", *words], check=False).returncode:
        raise typer.Exit(Exit.INTERRUPTED if code in (130, -2) else Exit.FAILED)
