"""The product's job_api and the bare handlers as processes of their own, over one PostgreSQL and one NATS.

On machines with two cores or more the server that is measured has the first one to itself; PostgreSQL, the broker and
the load share the others.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import nats as nats_client
import psutil

from chassis.database.migrate import upgrade
from chassis.messaging import topology
from contracts.streams import CONSUMERS, STREAMS
from stack.parts import NatsPart, Part, PostgresPart, S3Part, free_port
from tests.fixtures.servers import BUCKETS

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES = set(CORES[:1])
OTHER_CORES = set(CORES[1:]) or SERVER_CORES


@dataclass(frozen=True)
class Server:
    """`root` + path is what is asked; `cpu_s()` what the process has used since it started."""

    process: psutil.Process
    root: str

    def cpu_s(self) -> float:
        used = self.process.cpu_times()
        return float(used.user + used.system)


@dataclass(frozen=True)
class Parts:
    database_url: str
    nats_url: str
    settings: dict[str, str]


@contextmanager
def parts(folder: Path) -> Iterator[Parts]:
    """PostgreSQL with job_api's tables, NATS with the product's streams, the object store."""
    postgres, nats, s3 = PostgresPart(folder / "pg"), NatsPart(folder / "nats"), S3Part(folder / "s3")
    s3.create_buckets(BUCKETS)
    with ExitStack() as stack:
        for part in (postgres, nats, s3):
            stack.enter_context(_running(part))
        url = postgres.create_database("job_api")
        asyncio.run(upgrade("services.job_api", url))
        asyncio.run(_streams(nats.url))
        yield Parts(url, nats.url, {
            "database_url": url, "nats_url": nats.url, "s3_endpoint": s3.endpoint, "s3_access_key": s3.access_key,
            "s3_secret_key": s3.secret_key, "s3_region": s3.region, "data_dir": str(folder / "data")})


@contextmanager
def job_api(found: Parts, folder: Path) -> Iterator[Server]:
    """The service as it is run in production: its own log level, a line per request into a file."""
    port = free_port()
    settings = found.settings | {"http_port": str(port)}
    variables = {f"BRIGHTRUN_{name.upper()}": value for name, value in settings.items()}
    with _process("services.job_api", variables, folder / "job_api.log") as process:
        yield _answering(process, f"http://127.0.0.1:{port}", "/health/ready", "/api/training")


@contextmanager
def bare(found: Parts, folder: Path, workspace_id: str) -> Iterator[Server]:
    port = free_port()
    variables = {"BARE_PORT": str(port), "BARE_WORKSPACE_ID": workspace_id,
                 "BARE_DATABASE_URL": found.database_url.replace("+asyncpg", "")}
    with _process("benchmarks.hot_reads.bare", variables, folder / "bare.log") as process:
        yield _answering(process, f"http://127.0.0.1:{port}", "/presets", "")


@contextmanager
def _running(part: Part) -> Iterator[None]:
    """Started on the cores that the server does not have; what it starts inherits them."""
    os.sched_setaffinity(0, OTHER_CORES)
    try:
        part.start()
    finally:
        os.sched_setaffinity(0, CORES)
    try:
        yield
    finally:
        part.stop()


@contextmanager
def _process(module: str, variables: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRIGHTRUN_")} | variables
    pinned = ["taskset", "-c", ",".join(map(str, SERVER_CORES))] if shutil.which("taskset") else []
    with log.open("wb") as output:
        process = subprocess.Popen([*pinned, sys.executable, "-m", module], env=environment, stdout=output,
                                   stderr=subprocess.STDOUT)
    try:
        yield psutil.Process(process.pid)
    except Exception:
        print(log.read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait(30)


def _answering(process: psutil.Process, address: str, ready: str, prefix: str) -> Server:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.status() != psutil.STATUS_ZOMBIE:
        try:
            if httpx.get(address + ready).status_code == 200:
                return Server(process, address + prefix)
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{address} did not come up")


async def _streams(url: str) -> None:
    client = await nats_client.connect(url)
    await topology.apply(client.jetstream(timeout=10), STREAMS, CONSUMERS)
    await client.close()
