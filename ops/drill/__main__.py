"""python -m ops.drill: exit status 0 when everything came back."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from ops.backup.errors import BackupError
from ops.drill.steps import Drill, Outcome, document, failures
from ops.drill.throwaway import Cloud, ThrowAway
from stack.layout import ROOT
from stack.problems import StackError


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    folder = options.folder.resolve()
    cloud = Cloud(folder) if options.rented else None
    place = ThrowAway(folder, cloud)
    try:
        place.remove()
        if cloud:
            cloud.open()
        outcome = Drill(place, lambda line: print(line, flush=True)).run()
    except (BackupError, StackError) as error:
        print(f"\n{error}\n{error.fix}".rstrip(), file=sys.stderr)
        print(f"-> What is left to look at: {place.folder}", file=sys.stderr)
        return 1
    if problems := failures(outcome):
        told = ["The drill failed:", *problems, f"-> What is left to look at: {place.folder}"]
        print("\n".join(told), file=sys.stderr)
        return 1
    place.remove()
    print(json.dumps(document(outcome), indent=1) if options.json else _in_words(outcome))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.drill", description="Destroy an installation of its own, and "
                                     "bring it back from its backup.")
    parser.add_argument("--folder", type=Path, default=ROOT / ".data-drill")
    parser.add_argument("--rented", action="store_true", help="machines are rented (at the RunPod of the tests) and "
                        "outlive the installation; one of them nobody knows of afterwards")
    parser.add_argument("--json", action="store_true")
    return parser


def _in_words(outcome: Outcome) -> str:
    compared = ", ".join(f"{count} {name}" for name, count in (outcome.compared or {}).items())
    return (f"\nEverything came back: {compared}.\n"
            f"Lost: the last {outcome.rpo_s:.1f} s. Restored in {outcome.restore_s:.1f} s, the API answered after "
            f"{outcome.rto_s:.1f} s, the job trained again after {outcome.resumed_s:.1f} s.\n"
            f"The job that trained: {outcome.running_job} ({outcome.running_job_says}). No machine is rented.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
