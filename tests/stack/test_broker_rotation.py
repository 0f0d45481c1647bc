"""The broker's signing keys are replaced under traffic: nobody is left out, and what the old ones signed is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import nats as nats_client
import pytest
from nats.aio.client import RawCredentials
from nats.errors import Error as NatsError

from chassis.messaging import nats_jwt
from chassis.messaging.nats_accounts import ClaimsRefused, known_accounts, publish_account, push_account
from stack.broker_rotation import Broker, Options, Outcome, rotate
from stack.nats_keys import ROTATED, begin_rotation, stored_signing
from stack.nats_security import NatsSecurity
from stack.parts import NatsPart
from stack.problems import StackError
from tests.fixtures.waiting import tries
from tests.stack.broker_traffic import traffic
from tests.stack.secured import Secured, secured_server

AT_ONCE = Options(settle_s=0.1)
# Longer than services take to notice a new file.
SETTLED = Options(settle_s=5.0)


@pytest.fixture
async def secured(tmp_path: Path, start_part: Any) -> AsyncIterator[Secured]:
    async for server in secured_server(tmp_path, start_part):
        yield server


def broker_of(secured: Secured, *, restarts: bool = True) -> Broker:
    def restart(security: NatsSecurity) -> None:
        assert isinstance(secured.server, NatsPart)
        secured.server.stop()
        secured.server.extra_config = security.server_config()
        secured.server.start()

    return Broker(secured.server.url, restart=restart if restarts else None)


async def refused(secured: Secured, creds: str) -> None:
    with pytest.raises(NatsError, match="Authorization Violation"):
        await nats_client.connect(secured.server.url, user_credentials=RawCredentials(creds), allow_reconnect=False,
                                  max_reconnect_attempts=0)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["services", "system", "operator"])
async def test_nothing_is_lost_while_a_key_is_replaced(secured: Secured, tmp_path: Path, which: str) -> None:
    shown = {name: secured.security.creds_file(name).read_text() for name in ("job_api", "topology", "system")}
    async with traffic(secured, tmp_path / "pod") as running:
        assert await rotate(secured.security.folder, broker_of(secured), which, SETTLED) is Outcome.DONE
        await running.flows()
        assert running.failed == []
        # The broker restarted for the operator's key; of the others a pod notices nothing.
        assert running.pod_reconnects <= (which == "operator")
    # Each once; the last one may not have been confirmed yet.
    assert await running.stored("JOBS", "job.>") - len(running.published) in (0, 1)
    for name, old in shown.items():
        if which == ("system" if name == "system" else "services"):
            await refused(secured, old)


@pytest.mark.slow
async def test_the_operators_key_before_signs_no_account_any_more(secured: Secured) -> None:
    before, idle = secured.security.operator_signing.current, secured.access.new_account_key()
    system = await secured.connect(str(secured.security.creds_file("system")), "_INBOX_system")
    await secured.pod_user(uuid4())
    await push_account(system, nats_jwt.account_token(before, idle, "without pods"))
    await rotate(secured.security.folder, broker_of(secured), "operator", AT_ONCE)
    system = await secured.connect(str(secured.security.creds_file("system")), "_INBOX_system")
    after = NatsSecurity.load(secured.security.folder).operator_signing
    issuers = {nats_jwt.claims_of(token)["iss"] for token in await known_accounts(system)}
    assert issuers == {after.current.public} != {before.public}
    services = nats_jwt.resigned(NatsSecurity.load(secured.security.folder).accounts()[
        secured.security.services.public], before)
    with pytest.raises(ClaimsRefused, match="does not trust"):
        await publish_account(system, services)
    # Somebody who found the key and pushes by force wins nothing: the broker believes none of it.
    stranger, users = nats_jwt.new_account_key(), nats_jwt.new_account_key()
    await push_account(system, nats_jwt.account_token(before, stranger.public, "x", signing_keys=[users.public]))
    user = nats_jwt.new_user_key()
    await refused(secured, nats_jwt.credentials(
        nats_jwt.user_token(users, stranger.public, user.public, "x", nats_jwt.Permissions([">"], [">"])), user.seed))


async def test_an_identity_signs_nothing_that_is_believed(secured: Secured) -> None:
    security, user = secured.security, nats_jwt.new_user_key()
    for identity in (security.services, security.system_account):
        await refused(secured, nats_jwt.credentials(nats_jwt.user_token(
            identity, identity.public, user.public, "x", nats_jwt.Permissions([">"], [">"])), user.seed))
    system = await secured.connect(str(security.creds_file("system")), "_INBOX_system")
    with pytest.raises(ClaimsRefused):
        await publish_account(system, nats_jwt.account_token(security.operator, secured.access.new_account_key(), "x"))


async def test_who_has_the_operators_key_before_waits_for_the_new_one(secured: Secured) -> None:
    """A provisioner whose files come later: it neither takes an account back nor holds up pods."""
    stale = nats_jwt.resigned
    before = secured.security.operator_signing.current
    await secured.access.publish([secured.workspace])
    await rotate(secured.security.folder, broker_of(secured, restarts=False), "operator", AT_ONCE)
    system = await secured.connect(str(secured.security.creds_file("system")), "_INBOX_system")
    for token in await known_accounts(system):
        with pytest.raises(ClaimsRefused, match="replaces"):
            await publish_account(system, stale(token, before))
    await secured.access.publish([secured.workspace])  # with the file that it finds now
    assert (await secured.pod(uuid4())).is_connected


async def test_the_broker_has_heard_of_the_operators_next_key_before_it_signs(secured: Secured) -> None:
    broker = broker_of(secured, restarts=False)
    assert await rotate(secured.security.folder, broker, "operator", AT_ONCE) is Outcome.RESTART
    with pytest.raises(StackError, match="has not heard") as caught:
        await rotate(secured.security.folder, broker, "operator", AT_ONCE)
    assert "Restart" in caught.value.fix
    restart = broker_of(secured).restart
    assert restart is not None
    await asyncio.to_thread(restart, NatsSecurity.load(secured.security.folder))
    assert await rotate(secured.security.folder, broker, "operator", AT_ONCE) is Outcome.RESTART


@pytest.mark.slow
async def test_running_pods_keep_the_key_that_let_them_in(secured: Secured, tmp_path: Path) -> None:
    folder, broker = secured.security.folder, broker_of(secured)
    old = (await secured.pod_user(uuid4())).text
    async with traffic(secured, tmp_path / "pod") as running:
        assert await rotate(folder, broker, "pods", AT_ONCE) is Outcome.PODS
        await running.flows()
        new = await secured.pod(uuid4())
        assert await rotate(folder, broker, "pods", AT_ONCE) is Outcome.PODS
        assert running.pod_reconnects == 0
        assert running.failed == []
    assert await rotate(folder, broker, "pods", AT_ONCE) is Outcome.DONE
    assert new.is_connected
    await refused(secured, old)
    await secured.access.introduce(secured.workspace)
    assert not await secured.access.publish([secured.workspace])  # the provisioner says the same


async def test_a_leaked_key_of_pods_ends_at_once(secured: Secured) -> None:
    pod, folder = await secured.pod(uuid4()), secured.security.folder
    assert await rotate(folder, broker_of(secured), "pods", Options(settle_s=0.1, now=True)) is Outcome.DONE
    async for _ in tries():
        if not pod.is_connected:
            break
    assert not pod.is_connected
    assert (await secured.pod(uuid4())).is_connected


@pytest.mark.parametrize("which", ROTATED)
async def test_an_interrupted_rotation_goes_on_and_the_next_start_agrees(secured: Secured, which: str) -> None:
    folder, broker = secured.security.folder, broker_of(secured)
    begin_rotation(folder, which)
    with pytest.raises(StackError, match="being rotated already"):
        begin_rotation(folder, which)
    assert await rotate(folder, broker, which, AT_ONCE) is Outcome.DONE
    assert not stored_signing(folder, which).retiring
    secured.server.stop()
    secured.server.extra_config = NatsSecurity.ensure(folder).server_config()  # type: ignore[attr-defined]
    secured.server.start()
    for name in ("job_api", "topology"):
        assert (await secured.service(name)).is_connected


async def test_both_keys_count_until_the_second_run(secured: Secured) -> None:
    folder, broker = secured.security.folder, broker_of(secured)
    old = secured.security.creds_file("job_api").read_text()
    assert await rotate(folder, broker, "services", Options(keep=True)) is Outcome.KEPT
    assert (await secured.connect(RawCredentials(old), "_INBOX_job_api")).is_connected
    new = secured.security.creds_file("job_api").read_text()
    assert await rotate(folder, broker, "services", AT_ONCE) is Outcome.DONE
    assert secured.security.creds_file("job_api").read_text() == new != old
    await refused(secured, old)


async def test_without_a_broker_it_says_so(tmp_path: Path) -> None:
    NatsSecurity.ensure(tmp_path / "nats")
    with pytest.raises(StackError, match="was not told"):
        await rotate(tmp_path / "nats", Broker("nats://127.0.0.1:1"), "services", AT_ONCE)
