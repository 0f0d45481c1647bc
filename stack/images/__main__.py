"""python -m stack.images [--base IMAGE] [--torch cuda|cpu] [--tag NAME] [--engine docker|podman]

Builds the trainer's image and tries it. Exit status: 0 built and tried, 1 not (the reason is printed).
"""

from __future__ import annotations

import argparse
import sys

from stack.images.engine import Engine
from stack.images.trainer import Build, build, smoke_test
from stack.problems import StackError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stack.images", description="Build the trainer's image and try it.")
    parser.add_argument("--base", default="", help="base image, if not NVIDIA's: a Debian 12 for --torch cpu")
    parser.add_argument("--torch", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--tag", default="brightrun-trainer:dev")
    parser.add_argument("--engine", default="", help="docker or podman; the one that is there")
    options = parser.parse_args()
    try:
        engine = Engine.find(options.engine)
        build(engine, Build(options.tag, options.base, options.torch))
        for seen in smoke_test(engine, options.tag):
            print(f"   {seen}")
    except StackError as error:
        print(f"\n{error}\n-> {error.fix}" if error.fix else f"\n{error}", file=sys.stderr)
        return 1
    print(f"{options.tag} is built and starts.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
