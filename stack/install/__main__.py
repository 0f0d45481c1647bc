"""python -m stack.install [--environment .venv] [--torch cpu|cuda] [--then COMMAND]

Looks whether the machine can do it, then installs what the lock files say; at once when that has been done already.
`--then demo` goes on with `python -m stack demo` in the new environment, counting the steps of both as one.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from stack.durations import Durations
from stack.install import preflight, web_page
from stack.install.bytecode import compile_in_background
from stack.install.environment import Environment
from stack.layout import ROOT, Layout
from stack.problems import StackError
from stack.progress import Progress
from stack.steps import DEMO, ENVIRONMENT, INSTALLATION, PACKAGES, TORCH, WEB_PAGE

STARTS_THE_STACK = ("demo", "up")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    began = time.time()
    try:
        done = _install(options, Layout.from_environment())
    except StackError as error:
        print(f"\n{error}" + (f"\n-> {error.fix}" if error.fix else ""), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    if options.then:
        _go_on(options, done, began)
    return 0


def _install(options: argparse.Namespace, layout: Layout) -> int:
    """How many steps it took."""
    environment = Environment(Path(options.environment), options.torch)
    preflight.check_all(layout, environment.folder)
    if options.then in STARTS_THE_STACK:
        preflight.raise_all(filter(None, [preflight.port(layout)]))
    packages, page = not environment.complete(), not web_page.complete()
    steps = (*(INSTALLATION if packages else ()), *((WEB_PAGE,) if page else ()))
    if not steps:
        return 0
    progress = Progress((*steps, *(DEMO if options.then == "demo" else ())), Durations.of_this_machine())
    if packages:
        _install_packages(environment, progress, options.then)
    if page:
        _fetch_web_page(environment, progress)
    return progress.done


def _install_packages(environment: Environment, progress: Progress, then: str | None) -> None:
    with progress.step(ENVIRONMENT):
        environment.make()
    with progress.step(PACKAGES):
        environment.install_packages()
    with progress.step(TORCH):
        compiling = compile_in_background(environment.python, "services")
        environment.install_torch()
        if then == "demo":  # goes on while the system starts, which has to go first
            compile_in_background(environment.python, "trainer", niceness=5)
        compiling.wait()
    environment.finish()


def _fetch_web_page(environment: Environment, progress: Progress) -> None:
    """Its absence stops nothing else."""
    with progress.step(WEB_PAGE):
        try:
            web_page.fetch(environment)
        except StackError as error:
            print(f"   {error}\n   -> {error.fix}", file=sys.stderr, flush=True)


def _go_on(options: argparse.Namespace, done: int, began: float) -> None:
    python = str(Environment(Path(options.environment)).python)
    counted = ["--done", str(done), "--began", str(began)] if options.then == "demo" else []
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(python, [python, "-m", "stack", options.then, *counted])  # noqa: S606  the rest is that program


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stack.install", description=__doc__)
    parser.add_argument("--environment", default=str(ROOT / ".venv"))
    parser.add_argument("--torch", default="cpu")
    parser.add_argument("--then", choices=STARTS_THE_STACK)
    return parser


if __name__ == "__main__":
    sys.exit(main())
