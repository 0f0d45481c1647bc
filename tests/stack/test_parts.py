"""The four servers start, stop, survive kill -9 and forget nothing they acknowledged."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nats as nats_client
import psutil
import pytest
from obstore.store import S3Store
from redis.asyncio import Redis

from stack.parts import NatsPart, PartError, PostgresPart, S3Part, ValkeyPart


def test_postgres_keeps_committed_rows_over_kill(tmp_path, start_part):
    server = start_part(PostgresPart(tmp_path / "pg"))
    server.sql("CREATE TABLE t (i int); INSERT INTO t VALUES (7)")
    server.kill()
    server.start()
    assert server.sql("SELECT i FROM t") == "7"


def test_a_role_cannot_open_another_services_database(tmp_path, start_part):
    server = start_part(PostgresPart(tmp_path / "pg", password="super-secret", durable=False))
    server.create_database("cost_guard", password="cost-password")
    server.create_database("validator", password="validator-password")
    server.sql("SET ROLE cost_guard; CREATE TABLE rates (i int)", database="cost_guard")
    psql = [str(server.binaries / "psql"), "-h", server.host, "-p", str(server.port), "-Atc", "SELECT 1"]

    def connect(database: str, role: str, password: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*psql, "-U", role, "-d", database],
            env={**os.environ, "PGPASSWORD": password},
            capture_output=True,
            text=True,
            check=False,
        )

    assert connect("cost_guard", "cost_guard", "cost-password").stdout.strip() == "1"
    assert "permission denied for database" in connect("cost_guard", "validator", "validator-password").stderr
    assert "password authentication failed" in connect("cost_guard", "cost_guard", "guess").stderr
    assert "permission denied for database" in connect("postgres", "validator", "validator-password").stderr


async def test_nats_keeps_acknowledged_messages_over_kill(tmp_path, start_part):
    server = start_part(NatsPart(tmp_path / "nats"))
    client = await nats_client.connect(server.url)
    await client.jetstream().add_stream(name="KEEP", subjects=["keep.>"])
    await client.jetstream().publish("keep.one", b"1")
    await client.close()
    server.kill()
    server.start()
    client = await nats_client.connect(server.url)
    assert (await client.jetstream().stream_info("KEEP")).state.messages == 1
    await client.close()


def test_a_wiped_nats_starts_empty_on_the_same_port(nats_server):
    port = nats_server.port
    nats_server.kill()
    nats_server.wipe()
    nats_server.start()
    assert nats_server.port == port


async def test_valkey_asks_for_its_password(tmp_path, start_part):
    server = start_part(ValkeyPart(tmp_path / "valkey", password="a-password"))
    async with Redis.from_url(server.url) as redis:
        assert await redis.ping()
    assert oct(server.config_path.stat().st_mode)[-3:] == "600"


async def test_s3_serves_buckets_made_before_the_start(tmp_path, start_part):
    server = S3Part(tmp_path / "s3")
    server.create_buckets(["model-artifacts"])
    start_part(server)
    store = S3Store(
        "model-artifacts",
        endpoint=server.endpoint,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        region=server.region,
        client_options={"allow_http": True},
    )
    await store.put_async("a/b.txt", b"hello")
    assert bytes(await (await store.get_async("a/b.txt")).bytes_async()) == b"hello"
    await store.delete_async("a/b.txt")
    assert (tmp_path / "s3" / "model-artifacts").is_dir(), "an empty bucket stays"


def test_keys_and_passwords_are_not_on_command_lines(tmp_path, start_part):
    server = start_part(S3Part(tmp_path / "s3", secret_key="do-not-show-this-key"))
    assert "do-not-show-this-key" not in " ".join(psutil.Process(server.pid).cmdline())


def test_short_s3_keys_are_refused(tmp_path):
    with pytest.raises(PartError, match="16 characters"):
        S3Part(tmp_path / "s3", access_key="short")


def test_a_part_that_cannot_start_says_why(tmp_path):
    server = NatsPart(tmp_path / "nats", extra_config="nonsense_setting: {{{\n")
    with pytest.raises(PartError, match="nats ended while starting"):
        server.start()


def test_servers_die_with_a_killed_starter(tmp_path):
    """kill -9 of whoever started a server leaves nothing behind, also when it runs as another user."""
    code = (
        "import sys, time; from pathlib import Path; from stack.parts import *\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "parts = [PostgresPart(folder / 'pg'), NatsPart(folder / 'nats')]\n"
        "[part.start() for part in parts]; print(*[part.pid for part in parts], flush=True); time.sleep(60)"
    )
    root = Path(__file__).parents[2]
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root)
    servers = [psutil.Process(int(pid)) for pid in starter.stdout.readline().split()]
    family = [child for server in servers for child in (server, *server.children(recursive=True))]
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    assert len(family) > 2, "PostgreSQL has processes of its own"
    assert wait_gone(family) == []


def wait_gone(processes: list[psutil.Process], timeout_s: float = 10.0) -> list[psutil.Process]:
    deadline = time.monotonic() + timeout_s
    while (alive := [p for p in processes if running(p)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive


def running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
