"""Every connection that may leave the machine, to servers that are who they say, and to those that are not."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from pydantic import ValidationError
from sqlalchemy import MetaData

from chassis import migrate, tls
from chassis.database.address import split
from chassis.database.engine import Database, DatabaseUnavailable
from chassis.database.listen import PgListener
from chassis.messaging import topology
from chassis.messaging.connection import NatsConnection
from chassis.messaging.tls import nats_tls
from chassis.objects.buckets import ensure_buckets
from chassis.objects.store import ObjectStore, ObjectStoreUnavailable
from chassis.runtime import ServiceRuntime
from chassis.settings import ServiceSettings, StorageSettings
from chassis.waiting import NotThereYet
from contracts.pod_environment import PodSpec
from services.provisioner.settings import Settings as ProvisionerSettings
from stack.parts import NatsPart, PostgresPart, S3Part, ValkeyPart, free_port
from tests.fixtures.authority import Authority, Certificate, tls_in_front
from trainer_image import tls as trainer_tls

PARTS = ("postgres", "nats", "valkey", "s3")
TROUBLES = {
    "stranger": "signed by an authority that is not believed here",
    "expired": "has expired",
    "elsewhere": "is for another host",
}


class Servers:
    """The four parts behind TLS with one certificate; `settings` name them as an operator would."""

    def __init__(self, authority: Authority, ports: dict[str, int], s3: S3Part) -> None:
        self._authority, self._ports, self._s3 = authority, ports, s3

    def settings(self, **more: Any) -> ServiceSettings:
        ca, ports = self._authority.file, self._ports
        return ServiceSettings(**{
            "service_name": "tests", "tls_required": True,
            "database_url": f"postgresql+asyncpg://postgres@localhost:{ports['postgres']}/postgres"
                            f"?sslmode=verify-full&sslrootcert={ca}",
            "nats_url": f"tls://localhost:{ports['nats']}", "nats_tls_ca": ca,
            "redis_url": f"rediss://localhost:{ports['valkey']}/0?ssl_ca_certs={ca}",
            "s3_endpoint": f"https://localhost:{ports['s3']}", "s3_tls_ca": ca,
            "s3_access_key": self._s3.access_key, "s3_secret_key": self._s3.secret_key, **more})


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def serving(
    authority: Authority, postgres: PostgresPart, valkey: ValkeyPart, s3: S3Part, tmp_path: Path,
    start_part: Callable[[NatsPart], NatsPart],
) -> AsyncIterator[Callable[[Certificate], Awaitable[Servers]]]:
    async with AsyncExitStack() as running:

        async def serve(shown: Certificate) -> Servers:
            config = f'tls {{ cert_file: "{shown.certificate}", key_file: "{shown.key}" }}\n'
            nats = start_part(NatsPart(tmp_path / "nats", extra_config=config, durable=False))
            behind = {"postgres": postgres, "valkey": valkey, "s3": s3}
            ports = {name: await running.enter_async_context(
                tls_in_front(part.port, shown, postgres=name == "postgres")) for name, part in behind.items()}
            return Servers(authority, {**ports, "nats": nats.port}, s3)

        yield serve


@pytest.mark.slow
async def test_a_service_reaches_every_part_over_tls(authority: Authority, serving: Any) -> None:
    servers = await serving(authority.issue("good"))
    runtime = ServiceRuntime(servers.settings(), metadata=MetaData(), with_redis=True, with_objects=True)
    async with runtime.lifespan():
        assert [await check for check in (runtime.database.ping(), runtime.redis.ping(), runtime.objects.ping())]
        assert runtime.bus.is_connected
        assert runtime.bus.connection.client._transport._io_writer.get_extra_info("ssl_object").version() >= "TLSv1.2"
        await runtime.objects.put_bytes("training-files", "tls", b"sealed")
        assert await runtime.objects.get_bytes("training-files", "tls") == b"sealed"
        assert (await runtime.objects.presign("GET", "training-files", "tls", 60)).startswith("https://localhost")
        async with PgListener(runtime.database.url, "tls") as listener:
            assert await listener.wait(5)  # woken once by its connection


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_server_that_is_not_who_it_says_is_refused_in_words(
    authority: Authority, serving: Any, trouble: str, tmp_path: Path
) -> None:
    shown = {
        "stranger": lambda: Authority(tmp_path / "stranger").issue("stranger"),
        "expired": lambda: authority.issue("expired", expired=True),
        "elsewhere": lambda: authority.issue("elsewhere", host="elsewhere.example", address="192.0.2.1"),
    }[trouble]()
    settings = (await serving(shown)).settings()
    found = await _refusals(settings)
    assert {part for part, words in found.items() if TROUBLES[trouble] in words} == set(PARTS), found


@pytest.mark.slow
async def test_a_server_without_tls_is_told_nothing(
    postgres: PostgresPart, valkey: ValkeyPart, s3: S3Part, authority: Authority
) -> None:
    heard: list[bytes] = []
    plain = await asyncio.start_server(_plain_nats(heard), "127.0.0.1", 0)
    ports = {"postgres": postgres.port, "valkey": valkey.port, "s3": s3.port,
             "nats": plain.sockets[0].getsockname()[1]}
    found = await _refusals(Servers(authority, ports, s3).settings())
    plain.close()
    assert all(found.values()), found
    assert "offers no TLS" in found["nats"]
    assert b"".join(heard) == b""  # neither its user's token nor a subject


def _plain_nats(heard: list[bytes]) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = {"server_id": "N", "version": "2.15.0", "proto": 1, "headers": True, "max_payload": 1_000_000}
        writer.write(b"INFO " + json.dumps(greeting).encode() + b"\r\n")
        heard.append(await reader.read(4096))
        writer.close()

    return serve


async def _refusals(settings: ServiceSettings) -> dict[str, str]:
    """What each client says of its server."""
    found = {}
    database, objects = Database(settings.database_url), ObjectStore(settings)
    with pytest.raises(DatabaseUnavailable) as refused:
        await database.ping()
    found["postgres"] = str(refused.value)
    with pytest.raises(ObjectStoreUnavailable) as unavailable:
        await objects.ping()
    found["s3"] = unavailable.value.detail
    runtime = ServiceRuntime(settings, metadata=MetaData(), with_redis=True)
    with pytest.raises(Exception, match=r".") as down:
        await runtime.redis.ping()
    found["valkey"] = tls.reason(down.value) or str(down.value)
    await runtime.redis.aclose()
    with structlog.testing.capture_logs() as logs:
        connection = NatsConnection(settings.nats_url, name="tests", inbox_prefix="_INBOX",
                                    tls=nats_tls(settings.nats_url, settings.nats_tls_ca))
        assert not await connection.start(0.7)
        await connection.stop()
    found["nats"] = " ".join(str(entry.get("error", "")) for entry in logs)
    return found


@pytest.mark.slow
async def test_the_own_port_over_tls(authority: Authority, tmp_path: Path) -> None:
    shown, port = authority.issue("rest"), free_port()
    environment = {**os.environ, "BRIGHTRUN_HTTP_PORT": str(port), "BRIGHTRUN_DATA_DIR": str(tmp_path),
                   "BRIGHTRUN_HTTP_TLS_CERT": shown.certificate, "BRIGHTRUN_HTTP_TLS_KEY": shown.key,
                   "BRIGHTRUN_DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:1/none",
                   "BRIGHTRUN_STARTUP_WAIT_S": "0"}
    service = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.validator", env=environment)
    try:
        async with httpx.AsyncClient(verify=tls.client_context(authority.file)) as http, asyncio.timeout(30):
            while True:
                with suppress(httpx.TransportError):
                    if (await http.get(f"https://localhost:{port}/health/live")).status_code == 200:
                        break
                await asyncio.sleep(0.1)
            with pytest.raises(httpx.TransportError):
                await http.get(f"http://localhost:{port}/health/live")
    finally:
        service.terminate()
        await service.wait()


@pytest.mark.slow
async def test_a_trainer_reaches_the_broker_and_the_storage_over_tls(
    authority: Authority, serving: Any, s3: S3Part
) -> None:
    settings = (await serving(authority.issue("for-pods"))).settings()
    spec = PodSpec.model_construct(nats_url=settings.nats_url, tls_authorities=authority.text)
    client, secured = trainer_tls.new_client(spec)
    await client.connect(spec.nats_url, allow_reconnect=False, **secured)
    await client.flush()
    await client.close()
    async with httpx.AsyncClient(verify=trainer_tls.trusted(spec)) as http:
        assert (await http.get(settings.s3_endpoint)).status_code < 500
    nobody = PodSpec.model_construct(nats_url=settings.nats_url, tls_authorities="")
    client, secured = trainer_tls.new_client(nobody)
    with pytest.raises(Exception, match=r"(?i)certificate"):
        await client.connect(nobody.nats_url, allow_reconnect=False, max_reconnect_attempts=0, **secured)


@pytest.mark.parametrize(("change", "named"), [
    ({"database_url": "postgresql+asyncpg://a:b@db/x"}, "BRIGHTRUN_DATABASE_URL"),
    ({"database_url": "postgresql+asyncpg://a:b@db/x?sslmode=require"}, "BRIGHTRUN_DATABASE_URL"),
    ({"database_tenant_url": "postgresql+asyncpg://a:b@db/x"}, "BRIGHTRUN_DATABASE_TENANT_URL"),
    ({"nats_url": "nats://broker:4222"}, "BRIGHTRUN_NATS_URL"),
    ({"redis_url": "redis://:secret@cache/0"}, "BRIGHTRUN_REDIS_URL"),
    ({"redis_url": "rediss://:secret@cache/0?ssl_cert_reqs=none"}, "BRIGHTRUN_REDIS_URL"),
    ({"s3_endpoint": "http://s3:9000"}, "BRIGHTRUN_S3_ENDPOINT"),
    ({"s3_public_endpoint": "http://s3.example.com"}, "BRIGHTRUN_S3_PUBLIC_ENDPOINT"),
    ({"http_tls_cert": "/tls/tls.crt"}, "BRIGHTRUN_HTTP_TLS_KEY"),
])
def test_plain_text_is_refused_where_tls_is_required(change: dict[str, str], named: str) -> None:
    good = {"service_name": "tests", "tls_required": True, "nats_url": "tls://broker:4222",
            "database_url": "postgresql+asyncpg://a:b@db/x?sslmode=verify-full",
            "redis_url": "rediss://:secret@cache/0", "s3_endpoint": "https://s3"}
    assert ServiceSettings(**good).tls_required
    with pytest.raises(ValidationError, match=named) as refused:
        ServiceSettings(**{**good, **change})
    assert "secret" not in str(refused.value)


def test_jobs_refuse_plain_text_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIGHTRUN_TLS_REQUIRED", "true")
    monkeypatch.setenv("BRIGHTRUN_VALIDATOR_DATABASE_URL", "postgresql+asyncpg://a:secret@db/validator")
    with pytest.raises(SystemExit, match="BRIGHTRUN_VALIDATOR_DATABASE_URL lacks sslmode=verify-full") as refused:
        migrate.main(["services.validator"])
    assert "secret" not in str(refused.value)
    monkeypatch.setenv("BRIGHTRUN_NATS_URL", "nats://broker:4222")
    monkeypatch.setattr(sys, "argv", ["topology", "--wait", "0"])
    with pytest.raises(SystemExit, match="BRIGHTRUN_NATS_URL does not begin with tls://"):
        topology.main()
    with pytest.raises(ValidationError, match="BRIGHTRUN_S3_ENDPOINT does not begin with https://"):
        StorageSettings(service_name="buckets", s3_endpoint="http://s3:9000")
    assert StorageSettings(service_name="buckets", s3_endpoint="https://s3:9000").nats_url == "nats://broker:4222"


def test_pods_reach_the_broker_by_either_kind_of_tls() -> None:
    safe = {"tls_required": True, "nats_url": "tls://broker:4222"}
    for url in ("tls://broker.example.com:4222", "wss://example.com/nats"):
        assert ProvisionerSettings(**safe, pod_nats_url=url).pod_nats_url == url
    for url in ("nats://broker.example.com:4222", "ws://example.com/nats"):
        with pytest.raises(ValidationError, match="BRIGHTRUN_POD_NATS_URL"):
            ProvisionerSettings(**safe, pod_nats_url=url)


@pytest.mark.slow
async def test_missing_buckets_are_made_over_tls(
    authority: Authority, serving: Any, tmp_path: Path
) -> None:
    settings = (await serving(authority.issue("for-buckets"))).settings()
    assert await ensure_buckets(settings, ["made-over-tls"]) in (["made-over-tls"], [])
    stranger = settings.model_copy(update={"s3_tls_ca": Authority(tmp_path / "stranger").file})
    with pytest.raises(NotThereYet, match="certificate"):
        await ensure_buckets(stranger, ["made-over-tls"])


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with pytest.raises(tls.TlsFileUnusable, match=r"nowhere\.pem: there is no such file"):
        tls.client_context("nowhere.pem")
    with pytest.raises(tls.TlsFileUnusable, match=r"broken\.pem: no usable PEM file"):
        tls.client_context(str(broken))
    with pytest.raises(tls.TlsFileUnusable, match="set both"):
        tls.client_context(certificate=str(broken))
    with pytest.raises(ValueError, match="sslmode=require does not tell who answers"):
        split("postgresql+asyncpg://a@b/c?sslmode=require")
