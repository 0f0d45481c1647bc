"""python -m ops.secrets FOLDER [--kubernetes]: every password and key of an installation.

FOLDER/master holds what is made once: passwords, the broker's keys, the authority that signs the servers' certificates.
It is never overwritten, but for certificates that end soon; keep a copy of it elsewhere. The folders beside it, one for
each container, are written from it anew each time: run again after each upgrade, and services find what the release
gives them. Files that are not made here (an API key of a provider) stay.
Everything is readable by its container's user alone. No value is printed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ops.secrets.authority import RENEWED_BEFORE
from ops.secrets.consumers import Addresses, folders
from ops.secrets.kubernetes import manifest
from ops.secrets.material import MASTER, Material
from ops.secrets.writing import write_folder
from stack.problems import StackError


def main() -> int:
    options = _options()
    try:
        fresh = not (options.folder / MASTER).exists()
        material = Material.ensure(options.folder, renew_certificates=options.renew_certificates)
        wanted = folders(material, Addresses(options.postgres, options.valkey, options.namespace, options.authority))
    except (StackError, OSError, ValueError) as error:
        print(f"{options.folder}/{MASTER}: {error}\n-> put a good copy of it back", file=sys.stderr)
        return 1
    if options.kubernetes:
        print(manifest(wanted, options.namespace))
        return 0
    for folder in wanted:
        write_folder(options.folder, folder)
    print(f"{options.folder}: {'made' if fresh else 'kept'} {MASTER}, wrote {', '.join(f.name for f in wanted)}")
    if end := material.authority.first_end():
        print(f"The first certificate ends on {end:%Y-%m-%d}; it is renewed when this is run in the last "
              f"{RENEWED_BEFORE.days} days.")
    return 0


def _options() -> argparse.Namespace:
    usual = Addresses()
    parser = argparse.ArgumentParser(prog="python -m ops.secrets", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--postgres", default=usual.postgres, metavar="HOST:PORT", help="as the services reach it")
    parser.add_argument("--valkey", default=usual.valkey, metavar="HOST:PORT", help="as the services reach it")
    parser.add_argument("--kubernetes", action="store_true", help="print Secrets instead of writing folders")
    parser.add_argument("--namespace", default="brightrun", help="of the Secrets, and in the servers' names")
    parser.add_argument("--authority", default=usual.authority, metavar="PATH",
                        help="file in the containers that holds whom clients believe, where others make certificates")
    parser.add_argument("--renew-certificates", action="store_true",
                        help="make the servers' certificates and their keys anew, whatever their age")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
