"""The broker's keys of an installation in containers: master and folders change together."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import RawCredentials
from nats.errors import Error as NatsError
from sqlalchemy import make_url

from ops.secrets import rotate
from ops.secrets.consumers import Addresses, folders
from ops.secrets.material import Material
from ops.secrets.writing import write_folder
from stack.broker_rotation import Outcome
from stack.parts import NatsPart


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    for folder in folders(Material.ensure(tmp_path / "secrets"), Addresses()):
        write_folder(tmp_path / "secrets", folder)
    return tmp_path / "secrets"


@pytest.fixture
def broker(installation: Path, start_part: Any) -> NatsPart:
    security = Material.load(installation).broker
    part: NatsPart = start_part(NatsPart(security.folder, extra_config=security.server_config(), durable=False))
    return part


async def connects(broker: NatsPart, creds: str) -> bool:
    try:
        client = await nats.connect(broker.url, user_credentials=RawCredentials(creds), allow_reconnect=False,
                                    max_reconnect_attempts=0)
    except NatsError:
        return False
    await client.close()
    return True


@pytest.mark.slow
async def test_services_find_their_new_user_in_their_folders(
    installation: Path, broker: NatsPart, capsys: pytest.CaptureFixture[str]
) -> None:
    creds = installation / "job_api" / "nats.creds"
    old = creds.read_text()
    arguments = [str(installation), "services", "--nats", broker.url]
    assert await asyncio.to_thread(rotate.main, [*arguments, "--keep"]) == 0
    assert Outcome.KEPT.value in capsys.readouterr().out
    assert creds.read_text() != old
    assert [await connects(broker, shown) for shown in (old, creds.read_text())] == [True, True]
    assert await asyncio.to_thread(rotate.main, arguments) == 0
    assert [await connects(broker, shown) for shown in (old, creds.read_text())] == [False, True]


@pytest.mark.slow
async def test_the_operators_key_changes_the_servers_configuration(
    installation: Path, broker: NatsPart, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [installation / "nats" / "operator.conf", installation / "provisioner" / "operator_signing.seed"]
    before = [file.read_text() for file in files]
    assert await asyncio.to_thread(rotate.main, [str(installation), "operator", "--nats", broker.url]) == 0
    assert Outcome.RESTART.value in capsys.readouterr().out
    assert all(file.read_text() != text for file, text in zip(files, before, strict=True))
    assert await asyncio.to_thread(rotate.main, [str(installation), "operator", "--nats", broker.url]) == 1
    assert "has not heard" in capsys.readouterr().err


def test_databases_get_new_passwords_everywhere_at_once(installation: Path) -> None:
    url, tenant = (installation / "notifier" / f"brightrun_database_{kind}url" for kind in ("", "tenant_"))
    others = [installation / "valkey" / "password", installation / "postgres" / "password"]
    before, kept = [file.read_text() for file in (url, tenant)], [file.read_text() for file in others]
    assert rotate.main([str(installation), "databases"]) == 0
    statements = (installation / "postgres" / "databases.sql").read_text()
    for file, old in zip((url, tenant), before, strict=True):
        assert file.read_text() != old
        assert f"'{make_url(file.read_text()).password}'" in statements
        assert f"'{make_url(old).password}'" not in statements
    assert (installation / "migrations" / "brightrun_notifier_database_url").read_text() == url.read_text()
    assert [file.read_text() for file in others] == kept


def test_what_cannot_be_is_said(tmp_path: Path, installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rotate.main([str(tmp_path / "elsewhere"), "pods", "--nats", "nats://127.0.0.1:1"]) == 1
    assert "holds no keys" in capsys.readouterr().err
    assert rotate.main([str(installation), "pods"]) == 1
    assert "--nats URL" in capsys.readouterr().err
    assert rotate.main([str(installation), "pods", "--nats", "nats://127.0.0.1:1"]) == 1
    assert "was not told" in capsys.readouterr().err
