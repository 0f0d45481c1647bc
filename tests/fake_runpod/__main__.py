"""Stands alone: for a stack whose provisioner is to believe that it rents machines."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.fake_runpod.options import SLEEPER, Options
from tests.fake_runpod.server import FakeRunPod, Listener


async def serve(arguments: argparse.Namespace) -> None:
    command = tuple(arguments.command) or SLEEPER
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="fake-runpod-"))
    key = arguments.api_key_file.read_text().strip() if arguments.api_key_file else arguments.api_key
    options = Options(folder, key, command, provisioning_s=1.0, starting_s=1.0, keeps_exchanges=False)
    async with Listener().running(arguments.port) as listener, FakeRunPod(options).behind(listener) as server:
        shown = f"_FILE={arguments.api_key_file}" if arguments.api_key_file else f"={key}"
        print(f"BRIGHTRUN_RUNPOD_URL={server.url} BRIGHTRUN_RUNPOD_API_KEY{shown}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fake_runpod")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--api-key", default="a-key-of-the-fake-account")
    parser.add_argument("--api-key-file", type=Path)
    parser.add_argument("--folder", type=Path, help="holds the pods' folders; a temporary one when absent")
    parser.add_argument("command", nargs="*", help="what runs in every pod")
    asyncio.run(serve(parser.parse_args()))
