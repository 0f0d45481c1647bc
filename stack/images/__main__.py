"""python -m stack.images [services] [page] [local] [ops] [trainer] [--base IMAGE] [--trainer-base IMAGE] [--torch KIND]

Builds the images of this checkout, tries each, and writes its bill of materials (CycloneDX) into dist/.
Exit status: 0 built and tried, 1 not (the reason is printed).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from stack.images.bill_of_materials import write_bill_of_materials
from stack.images.build import Build, build
from stack.images.engine import Engine
from stack.images.services import services, try_ops, try_page, try_services
from stack.images.trainer import trainer, try_trainer
from stack.problems import StackError

_USUAL = ("services", "page", "trainer")


def main() -> int:
    options = _options()
    try:
        engine = Engine.find(options.engine)
        for wanted, attempt in _chosen(options):
            build(engine, wanted)
            print(f"{wanted.tag} is built.")
            for seen in attempt(engine, wanted.tag):
                print(f"   {seen}")
            print(f"   its bill of materials: {write_bill_of_materials(engine, wanted.tag)}")
    except StackError as error:
        print(f"\n{error}\n-> {error.fix}" if error.fix else f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _chosen(options: argparse.Namespace) -> list[tuple[Build, Callable[[Engine, str], list[str]]]]:
    known = {
        "services": (services(f"{options.name}:{options.version}", options.base), try_services),
        "page": (services(f"{options.name}-page:{options.version}", options.base, "page"), try_page),
        "local": (services(f"{options.name}-local:{options.version}", options.base, "local"), try_services),
        "ops": (services(f"{options.name}-ops:{options.version}", options.base, "ops"), try_ops),
        "trainer": (trainer(f"{options.name}-trainer:{options.version}", options.trainer_base, options.torch),
                    try_trainer),
    }
    unknown = sorted(set(options.images) - set(known))
    if unknown:
        raise StackError(f"There is no image {', '.join(unknown)}.", f"Known: {', '.join(known)}.")
    return [known[name] for name in options.images or _USUAL]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stack.images", description="Build the images and try each.")
    parser.add_argument("images", nargs="*", help="services, page, local, ops, trainer; without names the usual")
    parser.add_argument("--base", default="", help="base of services, page, local and ops, if not python:3.11-slim")
    parser.add_argument("--trainer-base", default="", help="base of trainer, if not NVIDIA's")
    parser.add_argument("--torch", default="cuda", choices=("cuda", "cpu"), help="build of torch in trainer")
    parser.add_argument("--name", default="brightrun", help="with the registry's address before it")
    parser.add_argument("--version", default="dev")
    parser.add_argument("--engine", default="", help="docker or podman; the one that answers")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
