"""A pod's broker user on a real server in operator mode, as the service is configured: made, limited, revoked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import nats as nats_client
import pytest
import pytest_asyncio
from nats.aio.client import Client, RawCredentials
from nats.errors import Error as NatsError

from services.provisioner.adapters.nats_access import NatsAccess
from services.provisioner.app import broker_access
from services.provisioner.ports import BrokerAccount, PodCredentials
from services.provisioner.settings import Settings
from stack.nats_security import NatsSecurity
from stack.parts import NatsPart, Part
from tests.fixtures.waiting import tries


class Broker:
    def __init__(self, folder: Path, start_part: Callable[[Part], Part]) -> None:
        security = NatsSecurity.ensure(folder / "nats")
        self.part = start_part(NatsPart(folder / "nats", extra_config=security.server_config(), durable=False))
        environment = {key.removeprefix("BRIGHTRUN_").lower(): value
                       for key, value in security.provisioner_environment().items()}
        self.settings = Settings(nats_url=self.part.url, **environment)
        self.clients: list[Client] = []

    async def connect(self, job_id: UUID, user: PodCredentials, errors: list[str]) -> Client:
        async def note(error: Exception) -> None:
            errors.append(str(error))

        client = await nats_client.connect(
            self.part.url, user_credentials=RawCredentials(user.text), inbox_prefix=f"_INBOX_{job_id}".encode(),
            error_cb=note, allow_reconnect=False, connect_timeout=3)
        self.clients.append(client)
        return client


@pytest_asyncio.fixture
async def broker(tmp_path: Path, start_part: Callable[[Part], Part]) -> AsyncIterator[Broker]:
    made = Broker(tmp_path, start_part)
    yield made
    for client in made.clients:
        await client.close()


@pytest.fixture
def access(broker: Broker) -> NatsAccess:
    made = broker_access(broker.settings)
    assert isinstance(made, NatsAccess)
    return made


@pytest_asyncio.fixture
async def account(access: NatsAccess) -> BrokerAccount:
    made = BrokerAccount(access.new_account_key(), uuid4())
    await access.introduce(made)
    return made


async def test_a_pod_may_speak_for_its_own_job_only(
    broker: Broker, access: NatsAccess, account: BrokerAccount
) -> None:
    job_id, errors = uuid4(), list[str]()
    pod = await broker.connect(job_id, access.issue(account.key, job_id, 60), errors)
    for subject in (f"training.completed.{job_id}", f"pod.interrupted.{job_id}", f"podrpc.heartbeat.{job_id}",
                    f"metrics.reported.{job_id}", f"checkpoint.saved.{job_id}", f"evaluation.generated.{job_id}"):
        await pod.publish(subject, b"{}")
    await pod.flush(2)
    assert errors == []
    for subject in (f"training.completed.{uuid4()}", f"pod.terminated.{job_id}", f"job.completed.{job_id}"):
        await pod.publish(subject, b"{}")
    await pod.flush(2)
    await asyncio.sleep(0.1)
    assert len(errors) == 3


async def test_revoked_users_are_thrown_out_and_others_stay(
    broker: Broker, access: NatsAccess, account: BrokerAccount
) -> None:
    gone, stays = uuid4(), uuid4()
    revoked = [access.issue(account.key, gone, 60), access.issue(account.key, gone, 60)]
    zombie = await broker.connect(gone, revoked[0], [])
    living = await broker.connect(stays, access.issue(account.key, stays, 60), [])
    told = replace(account, revoked={user.user: user.expires_at for user in revoked})
    assert await access.publish([told]) == 1
    async for _ in tries():
        if not zombie.is_connected:
            break
    assert not zombie.is_connected
    assert living.is_connected
    for user in revoked:
        with pytest.raises(NatsError, match=r"(?i)authorization"):
            await broker.connect(gone, user, [])


async def test_the_broker_is_told_the_whole_list_when_it_has_another(
    access: NatsAccess, account: BrokerAccount
) -> None:
    users = [access.issue(account.key, uuid4(), 60) for _ in range(2)]
    both = replace(account, revoked={user.user: user.expires_at for user in users})
    one = replace(account, revoked={users[0].user: users[0].expires_at})
    assert [await access.publish([accounts]) for accounts in (both, both, one, one, both)] == [1, 0, 1, 0, 1]


async def test_an_account_that_is_known_is_introduced_without_a_change(
    broker: Broker, access: NatsAccess, account: BrokerAccount
) -> None:
    user = access.issue(account.key, uuid4(), 60)
    revoked = replace(account, revoked={user.user: user.expires_at})
    await access.publish([revoked])
    await access.introduce(account)
    assert await access.publish([revoked]) == 0


def test_credentials_are_not_shown(access: NatsAccess, account: BrokerAccount) -> None:
    user = access.issue(account.key, uuid4(), 60)
    assert "SEED" in user.text
    assert "SEED" not in repr(user)
