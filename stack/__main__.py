"""python -m stack up | run | down | status | logs | restart | start | stop | parked | reset | demo
python -m stack rotate-broker | rotate-databases

Exit status: 0 done, 1 not done (the reason is printed), 2 wrong usage, 3 `status`: not everything is ready.
"""

from __future__ import annotations

import argparse
import os
import sys

from stack import commands
from stack.layout import Layout
from stack.nats_keys import ROTATED, SERVICES_KEY
from stack.problems import StackError
from stack.programs import KNOWN

NOT_READY = 3


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    os.umask(0o077)  # jobs, files and keys are nobody else's business, whatever the shell says
    try:
        return int(options.action(options, Layout.from_environment()) or 0)
    except StackError as error:
        print(f"\n{error}", file=sys.stderr)
        if error.fix:
            print(f"-> {error.fix}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"\n{error.filename} belongs to another user.", file=sys.stderr)
        print("-> Run as the user who started the stack first, or remove its folder as that user.", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stack", description="Bright Run on one machine.")
    actions = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, action: object, text: str) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=text, description=text)
        sub.set_defaults(action=action)
        return sub

    for name, action, text in (
        ("up", _up, "start everything in the background"),
        ("run", _run, "start everything and stay in the foreground; Ctrl-C stops it"),
    ):
        sub = add(name, action, text)
        sub.add_argument("--port", type=int, help="REST port, 8700 at first; remembered (also BRIGHTRUN_PORT)")
        sub.add_argument("--only", type=_names, default=(), help=f"comma-separated, of: {', '.join(KNOWN)}")
    add("down", _down, "stop everything; the state stays")
    add("status", _status, "what runs, where, and how it feels").add_argument("--json", action="store_true")
    logs = add("logs", _logs, "the newest log lines")
    logs.add_argument("program", nargs="?")
    logs.add_argument("-f", "--follow", action="store_true")
    logs.add_argument("-n", "--lines", type=int, default=20)
    for name, stop, start in (("restart", True, True), ("stop", True, False), ("start", False, True)):
        sub = add(name, _restart, f"{name} one program of the running stack, or all replicas of a service one by one")
        sub.add_argument("program", metavar="PROGRAM")
        sub.set_defaults(stop=stop, start=start)
    parked = add("parked", _parked, "events that no stream can take: list them, or try them again")
    parked.add_argument("what", nargs="?", choices=("list", "retry"), default="list")
    _add_rotation(add("rotate-broker", _rotate_broker, "replace a signing key of the broker; all runs on"))
    add("rotate-databases", _rotate_databases, "replace the passwords of the services' databases; all runs on")
    add("reset", _reset, "delete the state after asking").add_argument("--yes", action="store_true")
    demo = add("demo", _demo, "train a real adapter on the sample file and prove that it loads")
    demo.add_argument("--done", type=int, default=0, help=argparse.SUPPRESS)
    demo.add_argument("--began", type=float, help=argparse.SUPPRESS)
    return parser


def _add_rotation(rotating: argparse.ArgumentParser) -> None:
    rotating.add_argument("key", nargs="?", choices=ROTATED, default=SERVICES_KEY, help="what it signs; services")
    rotating.add_argument("--keep", action="store_true", help="let the key before count until the next run")
    rotating.add_argument("--now", action="store_true", help="pods: cut off those that the key before let in")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _up(options: argparse.Namespace, layout: Layout) -> None:
    commands.announce(commands.up(layout, port=options.port, only=options.only))


def _run(options: argparse.Namespace, layout: Layout) -> None:
    commands.run(layout, port=options.port, only=options.only)


def _down(_: argparse.Namespace, layout: Layout) -> None:
    commands.down(layout)


def _status(options: argparse.Namespace, layout: Layout) -> int:
    from stack.status import show_status

    return 0 if show_status(layout, as_json=options.json) else NOT_READY


def _logs(options: argparse.Namespace, layout: Layout) -> None:
    from stack.logs import show_logs

    show_logs(layout, options.program, lines=options.lines, follow=options.follow)


def _restart(options: argparse.Namespace, layout: Layout) -> None:
    commands.restart(layout, options.program, stop=options.stop, start=options.start)


def _rotate_broker(options: argparse.Namespace, layout: Layout) -> None:
    from stack.broker_rotation import Options as Rotation
    from stack.rotation_commands import rotate_broker

    outcome = rotate_broker(layout, options.key, Rotation(keep=options.keep, now=options.now))
    print(f"A new key signs ({options.key}); {outcome.value}.")


def _rotate_databases(_: argparse.Namespace, layout: Layout) -> None:
    from stack.database_rotation import rotate_databases

    services = rotate_databases(layout)
    print(f"New passwords for both roles of {', '.join(services)}; the ones before are refused.")


def _parked(options: argparse.Namespace, layout: Layout) -> int:
    from stack.parked import parked

    return parked(layout, options.what)


def _reset(options: argparse.Namespace, layout: Layout) -> None:
    commands.reset(layout, confirmed=options.yes)


def _demo(options: argparse.Namespace, layout: Layout) -> int:
    from stack.demo import demo

    return int(demo(layout, done=options.done, began=options.began))


if __name__ == "__main__":
    sys.exit(main())
