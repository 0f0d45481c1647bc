"""python -m ops.secrets.rotate FOLDER KEY --nats URL: a signing key of the broker replaced, and in the folders what it
signs.  python -m ops.secrets.rotate FOLDER databases: new passwords of the services' roles, in all folders; PostgreSQL
is told by `databases.sql`. docs/operations/security.md says what to do beside it.

With `--keep` both keys count until the next run: for Secrets of a cluster, which reach their pods later.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path

from chassis.messaging.tls import nats_tls
from ops.secrets.consumers import Addresses, folders
from ops.secrets.material import MASTER, Material
from ops.secrets.writing import write_folder
from stack.broker_rotation import Broker, Options, rotate
from stack.layout import Layout
from stack.nats_keys import ROTATED
from stack.nats_permissions import SERVICES
from stack.passwords import Passwords
from stack.problems import StackError

DATABASES = "databases"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        if not (options.folder / MASTER / "nats" / "keys").is_dir():
            raise StackError(f"{options.folder / MASTER} holds no keys.", "Name the folder that ops.secrets has made.")
        print(_databases(options) if options.key == DATABASES else _broker(options))
    except (StackError, OSError, ValueError) as error:
        print(f"{error}\n-> {getattr(error, 'fix', '') or 'put it right, then run the command again'}", file=sys.stderr)
        return 1
    return 0


def _broker(options: argparse.Namespace) -> str:
    if not options.nats:
        raise StackError("The broker must be told.", "Give its address: --nats URL.")
    tls = nats_tls(options.nats, options.ca)
    broker = Broker(options.nats, tls, hand_on=partial(_write_folders, options))
    how = Options(keep=options.keep, now=options.now)
    outcome = asyncio.run(rotate(options.folder / MASTER / "nats", broker, options.key, how))
    return f"A new key signs ({options.key}); {outcome.value}."


def _databases(options: argparse.Namespace) -> str:
    """Services read theirs at each new connection, and go on by the one before until PostgreSQL knows the new ones."""
    Passwords.ensure(layout := Layout(options.folder / MASTER)).renewed(layout, list(SERVICES))
    _write_folders(options)
    return f"New passwords are written. Have PostgreSQL know them: {options.folder / 'postgres' / 'databases.sql'}."


def _write_folders(options: argparse.Namespace) -> None:
    addresses = Addresses(options.postgres, options.valkey, options.namespace, options.authority)
    for folder in folders(Material.load(options.folder), addresses):
        write_folder(options.folder, folder)


def _parser() -> argparse.ArgumentParser:
    usual = Addresses()
    parser = argparse.ArgumentParser(prog="python -m ops.secrets.rotate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("key", choices=(*ROTATED, DATABASES), help="by what it signs")
    parser.add_argument("--nats", default="", metavar="URL", help="the broker's address")
    parser.add_argument("--ca", default="", help="PEM file of the authority that signed the broker's certificate")
    parser.add_argument("--keep", action="store_true", help="let the key before count until the next run")
    parser.add_argument("--now", action="store_true", help="pods: cut off those that the key before let in")
    parser.add_argument("--postgres", default=usual.postgres, metavar="HOST:PORT", help="as the services reach it")
    parser.add_argument("--valkey", default=usual.valkey, metavar="HOST:PORT", help="as the services reach it")
    parser.add_argument("--namespace", default=usual.namespace, help="of the Secrets, and in the servers' names")
    parser.add_argument("--authority", default=usual.authority, metavar="PATH",
                        help="file in the containers that holds whom clients believe, where others make certificates")
    return parser


if __name__ == "__main__":
    sys.exit(main())
