"""python -m tests.upgrade.capture VERSION [--checkout FOLDER | --messages-only]: see README.md."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.system import old_state
from tests.upgrade import archive
from tests.upgrade.broker import messages_of
from tests.upgrade.scenario import OtherCheckout, play

ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade.capture")
    parser.add_argument("version")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="of the version (default: this one)")
    parser.add_argument("--messages-only", action="store_true", help="of tests/fixtures/states/VERSION.tar.xz")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="brightrun-capture-"))
    try:
        if options.messages_only:
            old_state.unpack(options.version, folder)
        else:
            stack = OtherCheckout(folder, options.checkout.resolve())
            archive.pack(folder, play(stack), archive.STATES / f"{options.version}.tar.xz")
        written = archive.write_messages(options.version, asyncio.run(messages_of(folder)))
        print(f"{written}: {written.stat().st_size:,} bytes")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
