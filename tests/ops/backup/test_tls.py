"""A backup of a cluster that is reached over TLS alone: by our own statements, and by PostgreSQL's programs."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from chassis.tls import client_context
from ops.backup import postgres
from ops.backup.create import BackupMaker
from ops.backup.errors import BackupError
from ops.backup.installation import Installation
from ops.backup.postgres import Postgres
from ops.backup.settings import BackupSettings
from ops.backup.tunnel import TlsTunnel
from ops.backup.verify import verify
from tests.fixtures.authority import Authority, tls_in_front
from tests.ops.backup.cluster import DATABASES, PASSWORD, Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path / "installation")
    found.start()
    yield found
    found.server.stop()


def reached(port: int, authority: str) -> Postgres:
    password = PASSWORD.replace(" ", "%20")
    return Postgres.of(f"postgresql://postgres:{password}@localhost:{port}/postgres"
                       f"?sslmode=verify-full&sslrootcert={authority}")


@pytest.mark.slow
async def test_a_backup_is_made_and_wal_is_received_over_tls(cluster: Cluster, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    async with tls_in_front(cluster.server.port, authority.issue("good"), postgres=True) as port:
        server = reached(port, authority.file)
        installation = Installation(server, cluster.buckets, cluster.data, ("secrets.json",))
        maker = BackupMaker(installation, cluster.repository(), cluster.settings().work_dir)
        made = await asyncio.to_thread(maker.create)
    assert made.schemas == dict.fromkeys(DATABASES, "0001")
    assert verify(cluster.repository(), made).files > 2


@pytest.mark.slow
async def test_a_server_that_is_not_believed_is_told_nothing_and_named(cluster: Cluster, tmp_path: Path) -> None:
    believed, stranger = Authority(tmp_path / "authority"), Authority(tmp_path / "stranger")
    async with tls_in_front(cluster.server.port, stranger.issue("good"), postgres=True) as port:
        server = reached(port, believed.file)
        with pytest.raises(BackupError, match="signed by an authority that is not believed here"):
            await asyncio.to_thread(postgres.identify, server)
        running = server.base_backup()  # no way past it by the programs
        assert running.process.stdout is not None
        assert await asyncio.to_thread(running.process.stdout.read) == b""
        assert await asyncio.to_thread(running.process.wait) != 0
        assert "connection" in running.said()


@pytest.mark.slow
async def test_a_server_without_tls_gets_no_password(cluster: Cluster, tmp_path: Path) -> None:
    server = reached(cluster.server.port, Authority(tmp_path / "authority").file)
    with pytest.raises(BackupError, match="SSL"):
        await asyncio.to_thread(postgres.identify, server)
    running = server.base_backup()
    assert await asyncio.to_thread(running.process.wait) != 0


@pytest.mark.parametrize("offered", [[b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"], [b"SCRAM-SHA-256"]])
async def test_a_proof_bound_to_tls_is_not_offered_to_a_program_without(offered: list[bytes], tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = (10).to_bytes(4) + b"".join(name + b"\0" for name in offered) + b"\0"
        await reader.readexactly(7)
        writer.write(b"R" + (len(body) + 4).to_bytes(4) + body + b"and the rest")
        writer.close()

    behind = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = behind.sockets[0].getsockname()[1]
    async with tls_in_front(port, authority.issue("good"), postgres=True) as front:
        tunnel = TlsTunnel("localhost", front, client_context(authority.file))
        reader, writer = await asyncio.open_unix_connection(f"{tunnel.folder}/.s.PGSQL.{tunnel.port}")
        writer.write(b"startup")
        heard = await reader.read(-1)
        writer.close()
    behind.close()
    assert heard == b"R" + (23).to_bytes(4) + (10).to_bytes(4) + b"SCRAM-SHA-256\0\0and the rest"


def test_an_address_that_believes_anybody_is_refused() -> None:
    with pytest.raises(BackupError, match="sslmode=require does not tell who answers"):
        Postgres.of("postgresql://postgres:x@db:5432/postgres?sslmode=require")


@pytest.mark.parametrize(("change", "named"), [
    ({"backup_database_url": "postgresql://postgres:secret@db/postgres"}, "BRIGHTRUN_BACKUP_DATABASE_URL"),
    ({"s3_endpoint": "http://s3:8333"}, "BRIGHTRUN_S3_ENDPOINT"),
    ({"backup_s3_endpoint": "http://elsewhere"}, "BRIGHTRUN_BACKUP_S3_ENDPOINT"),
])
def test_plain_text_is_refused_where_tls_is_required(change: dict[str, str], named: str) -> None:
    good = {"tls_required": True, "backup_database_url": "postgresql://a:b@db/postgres?sslmode=verify-full",
            "s3_endpoint": "https://s3:8333", "backup_s3_endpoint": "https://elsewhere"}
    assert BackupSettings(**good).tls_required  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match=named) as refused:
        BackupSettings(**{**good, **change})  # type: ignore[arg-type]
    assert "secret" not in str(refused.value)
