"""python -m trainer_image.prefetch ORG/NAME[@REVISION] [--to FOLDER] [--verify]

Needs twice the largest weights file and a third of the model as free space; for Llama 3 70B about 60 GB. A GPU makes it
faster and is not needed. HF_TOKEN for gated models.
"""

import argparse
import os
import sys
from pathlib import Path

from contracts.hub_names import split_revision
from trainer_image.errors import HubUnavailable, TrainerError
from trainer_image.libraries import prepare_libraries


def main() -> int:
    options = _options()
    prepare_libraries(options.model)
    os.environ["HF_HOME"] = str(options.to)
    from trainer_image.prefetch.store import prefetch, verify

    repository, revision = split_revision(options.model)
    try:
        if options.verify:
            return verify(options.to, repository, revision)
        patience_s = float(os.environ.get("BRIGHTRUN_PREFETCH_PATIENCE_S", "300"))
        prefetch(options.to, repository, revision, patience_s=patience_s)
    except TrainerError as error:
        print(f"Error: {error}", file=sys.stderr)
        again = "Run the same command again: it goes on where it stopped."
        print(f"What to do: {again if isinstance(error, HubUnavailable) else error.suggested_fix or _LOOK}",
              file=sys.stderr)
        return 1
    return 0


_LOOK = "Look at the name and the revision, and at HF_TOKEN for a gated model."


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trainer_image.prefetch", description=__doc__)
    parser.add_argument("model", help="hub id, better at a commit: org/name@revision")
    parser.add_argument("--to", type=Path, default=Path(os.environ.get("HF_HOME", "/models")),
                        help="where the volume is mounted (default: HF_HOME, or /models)")
    parser.add_argument("--verify", action="store_true", help="compare what is there with its hashes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
