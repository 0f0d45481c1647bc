"""python -m ops.backup create | watch | list | verify | restore | prune | key

Exit status: 0 done, 1 not done (the reason is printed), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chassis.settings import secret
from ops.backup import commands
from ops.backup.errors import BackupError
from ops.backup.settings import BackupSettings


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    os.umask(0o077)  # what lies in a backup is nobody else's business
    try:
        options.action(options, _settings(options))
    except BackupError as error:
        print(f"\n{error}", file=sys.stderr)
        if error.fix:
            print(f"-> {error.fix}", file=sys.stderr)
        return 1
    except ValidationError as error:
        for found in error.errors(include_input=False, include_url=False):
            print(f"BRIGHTRUN_{'_'.join(map(str, found['loc'])).upper()}: {found['msg']}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 130
    return 0


def _settings(options: argparse.Namespace) -> BackupSettings:
    given: dict[str, Any] = {}
    if not secret("BRIGHTRUN_BACKUP_DATABASE_URL"):
        from stack.layout import Layout  # of `make up`; no image has it

        given["data_dir"] = Layout.from_environment().data
    if getattr(options, "place", ""):
        given["backup_to"] = options.place
    if getattr(options, "identity", None):
        given["backup_identity_file"] = options.identity
    return BackupSettings(**given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.backup", description="Backups of an installation.")
    actions = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, action: object, text: str, place: str = "") -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=text, description=text)
        sub.set_defaults(action=action)
        if place:
            sub.add_argument(place, dest="place", default="",
                             help="a folder or s3://bucket/prefix (default: BRIGHTRUN_BACKUP_TO)")
        return sub

    add("create", commands.create, "back up databases, buckets and keys now", "--to")
    add("watch", commands.watch, "back up daily, ship changes every few seconds, until it is stopped", "--to")
    add("list", commands.show, "the backups, oldest first", "--from").add_argument("--json", action="store_true")
    verify = add("verify", commands.check, "read a backup and everything it needs", "--from")
    verify.add_argument("backup", nargs="?", default="", help="its id (default: the newest)")
    restore = add("restore", commands.restore, "bring a backup back into an empty place", "--from")
    restore.add_argument("--backup", default="", help="its id (default: the newest)")
    restore.add_argument("--identity", type=Path, help="file with the secret key of an encrypted backup")
    restore.add_argument("--until", type=_moment, help="the state of that moment, 2026-11-28T17:00:00Z")
    restore.add_argument("--only-backup", action="store_true", help="the state of the backup itself, without later WAL")
    restore.add_argument("--postgres-dir", type=Path, help="for servers that are not those of `make up`: prepare this "
                         "data folder; PostgreSQL recovers when it starts over it")
    restore.add_argument("--files-to", type=Path, help="with --postgres-dir: where the kept files go")
    add("prune", commands.remove_old, "remove backups past BRIGHTRUN_BACKUP_KEEP_DAYS and _WEEKS", "--from")
    key = add("key", commands.make_key, "make a key pair: backups are encrypted for its public half")
    key.add_argument("file", type=Path)
    return parser


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-11-28T17:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
