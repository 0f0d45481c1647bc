"""Stands alone: for a stack whose provisioner is to believe that it has a cluster."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.fake_kubernetes.options import SLEEPER, Options
from tests.fake_kubernetes.server import FakeKubernetes
from tests.fake_runpod.server import Listener


async def serve(arguments: argparse.Namespace) -> None:
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="fake-kubernetes-"))
    token = arguments.token_file.read_text().strip() if arguments.token_file else arguments.token
    options = Options(folder, token, arguments.token_file, tuple(arguments.command) or SLEEPER, controller_s=0.3,
                      pulling_s=1.0, keeps_exchanges=False)
    async with Listener().running(arguments.port) as listener, FakeKubernetes(options).behind(listener) as server:
        print(f"BRIGHTRUN_KUBERNETES_SERVER={server.url} BRIGHTRUN_KUBERNETES_TOKEN_FILE={server.token_file}",
              flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fake_kubernetes")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="a-token-of-the-fake-cluster")
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--folder", type=Path, help="holds the containers' folders; a temporary one when absent")
    parser.add_argument("command", nargs="*", help="what runs in every container")
    asyncio.run(serve(parser.parse_args()))
