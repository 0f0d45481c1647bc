"""`python -m trainer_image.base_model [FOLDER]`: build the local base model again from its recipe."""

import argparse
import json
import sys
from pathlib import Path

from contracts.local_base_model import SHIPPED_BASE_MODEL
from trainer_image.base_model.folder import DEFAULT_FOLDER, MANIFEST, BaseModelError, build_base_model


def announce(line: str) -> None:
    print(line, flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m trainer_image.base_model", description="Build the local base model again from its recipe.")
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER, help=f"default: {DEFAULT_FOLDER}")
    folder = parser.parse_args(arguments).folder
    try:
        build_base_model(folder, announce=announce)
    except BaseModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    built, shipped = (perplexity_of(place) for place in (folder, SHIPPED_BASE_MODEL))
    announce(f"Built in {folder}: perplexity on unseen chats {built:.1f}, the shipped model's is {shipped:.1f}.")
    return 0


def perplexity_of(folder: Path) -> float:
    return float(json.loads((folder / MANIFEST).read_text())["held_out"]["authored"]["perplexity"])


if __name__ == "__main__":
    sys.exit(main())
