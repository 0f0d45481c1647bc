"""`python -m trainer_image.base_model`: make sure that the local base model exists."""

import os
import sys
from pathlib import Path

from trainer_image.base_model.cache import DEFAULT_FOLDER, BaseModelError, ensure_base_model, is_current


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    folder = Path(os.environ.get("BRIGHTRUN_BASE_MODEL_DIR") or DEFAULT_FOLDER)
    if is_current(folder):
        say(f"The base model in {folder} is up to date.")
        return 0
    try:
        ensure_base_model(folder, announce=say)
    except BaseModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    say(f"The base model is ready in {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
