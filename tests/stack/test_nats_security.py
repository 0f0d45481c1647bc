"""Operator mode on a real server: who may say and hear what, and what a revoked user loses."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import nats as nats_client
import pytest
from nats.aio.client import RawCredentials
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from chassis.messaging import nats_accounts, nats_jwt, topology
from chassis.messaging.nats_jwt import Limits, Permissions
from contracts.pod_subjects import pod_subjects
from services.provisioner.adapters.nats_access import pod_permissions
from stack.nats_permissions import SERVICES, service_permissions, topology_permissions
from stack.nats_security import NatsSecurity
from stack.parts import NatsPart
from stack.private_files import write_private
from tests.stack.secured import Secured, secured_server


@pytest.fixture
async def secured(tmp_path, start_part):
    async for server in secured_server(tmp_path, start_part):
        yield server


async def settled(client):
    """The server knows the subscriptions: flush() sends its ping before what is pending, only the second follows it."""
    await client.flush()
    await client.flush()


async def test_without_credentials_nobody_gets_in(secured):
    with pytest.raises(NatsError, match="Authorization Violation"):
        await nats_client.connect(secured.server.url, allow_reconnect=False, max_reconnect_attempts=0)


async def test_a_pod_publishes_its_own_job_only(secured):
    job, other = uuid4(), uuid4()
    pod = await secured.pod(job)
    await pod.jetstream(timeout=5).publish(f"metrics.reported.{job}", b"{}")
    assert await secured.denied(pod) == ""
    for subject in (f"metrics.reported.{other}", f"podrpc.heartbeat.{other}", f"job.completed.{job}", "rpc.x.y"):
        await pod.publish(subject, b"{}")
        assert f'permissions violation for publish to "{subject}"' in (await secured.denied(pod)).lower()


async def test_a_pod_cannot_hear_others(secured):
    job, other = uuid4(), uuid4()
    pod = await secured.pod(job)
    for subject in (f"_INBOX_{other}.>", "_INBOX_job_api.>", "_INBOX.>", f"podcmd.{other}", ">", "metrics.>"):
        await pod.subscribe(subject)
        assert f'permissions violation for subscription to "{subject}"'.lower() in (
            await secured.denied(pod)
        ).lower()


async def test_a_pod_and_the_provisioner_talk(secured):
    job = uuid4()
    provisioner, pod = await secured.service("provisioner"), await secured.pod(job)

    async def answer(message):
        await message.respond(b"continue")

    await provisioner.subscribe("podrpc.heartbeat.*", queue="provisioner", cb=answer)
    await settled(provisioner)
    assert (await pod.request(f"podrpc.heartbeat.{job}", b"{}", timeout=30)).data == b"continue"
    assert await secured.denied(provisioner) == ""


async def test_services_consume_acknowledge_and_bury_what_is_theirs(secured):
    job = uuid4()
    pod, ingest = await secured.pod(job), await secured.service("metrics_ingest")
    await pod.jetstream(timeout=30).publish(f"metrics.reported.{job}", b"{}")
    jetstream = ingest.jetstream(timeout=30)
    pull = await jetstream.pull_subscribe_bind(consumer="metrics_ingest_metrics", stream="METRICS")
    [message] = await pull.fetch(1, timeout=30)
    await jetstream.publish(f"dlq.metrics.reported.{job}", message.data, stream="DLQ")
    await message.in_progress()
    await message.ack_sync(timeout=30)
    info = await jetstream.consumer_info("METRICS", "metrics_ingest_metrics")
    assert (info.num_ack_pending, info.num_pending) == (0, 0)
    assert await secured.denied(ingest) == ""


async def test_topology_moves_messages_to_the_stream_that_takes_them_now(secured):
    job = uuid4()
    streams, pod = await secured.streams(), await secured.pod(job)
    await streams.delete_stream("EVALUATIONS")
    await streams.update_stream(name="TRAINING", subjects=["training.>", "checkpoint.>", "evaluation.>"])
    await pod.jetstream(timeout=5).publish(f"evaluation.generated.{job}", b"{}")
    await topology.apply(streams)
    assert (await streams.get_msg("EVALUATIONS", 1)).data == b"{}"
    assert (await streams.stream_info("TRAINING")).state.messages == 0
    keeper = streams._nc
    await keeper.publish(f"training.completed.{job}", b"{}")
    assert "permissions violation for publish" in (await secured.denied(keeper)).lower()


async def test_a_service_cannot_speak_for_or_read_another(secured):
    validator = await secured.service("validator")
    for subject in (f"job.completed.{uuid4()}", "$JS.API.STREAM.DELETE.JOBS", "$JS.API.STREAM.PURGE.JOBS",
                    "$JS.API.CONSUMER.MSG.NEXT.METRICS.metrics_ingest_metrics", "podcmd.x"):
        await validator.publish(subject, b"{}")
        assert f'publish to "{subject}"'.lower() in (await secured.denied(validator)).lower()
    with pytest.raises((NatsTimeoutError, NoRespondersError, asyncio.TimeoutError)):
        await validator.request("rpc.cost_guard.set_budget", b"{}", timeout=0.5)
    await validator.subscribe("_INBOX_job_api.>")
    assert "subscription" in (await secured.denied(validator)).lower()


async def test_dead_letters_are_read_removed_and_replayed_by_job_api(secured):
    job_api = await secured.service("job_api")
    validator = await secured.service("validator")
    await validator.jetstream(timeout=5).publish("dlq.evaluation.generated.x", b"bad")
    jetstream = job_api.jetstream(timeout=30)
    letter = await jetstream.get_msg("DLQ", seq=1, next=True, subject="dlq.>")
    await jetstream.publish("evaluation.generated.x", letter.data)
    assert await jetstream.delete_msg("DLQ", 1)
    assert await secured.denied(job_api) == ""


async def test_a_revoked_pod_is_disconnected_and_refused(secured):
    job, until = uuid4(), datetime.now(UTC) + timedelta(hours=1)
    user = await secured.pod_user(job)
    pod, other = await secured.pod(job, user), await secured.pod(uuid4())
    assert await secured.access.publish([replace(secured.workspace, revoked={user.user: until})])
    for _ in range(100):
        if not pod.is_connected:
            break
        await asyncio.sleep(0.05)
    assert not pod.is_connected
    assert other.is_connected
    with pytest.raises(NatsError, match=r"(?i)authorization"):
        await secured.pod(job, user)
    secured.server.kill()
    secured.server.start()
    with pytest.raises(NatsError, match=r"(?i)authorization"):
        await secured.pod(job, user)


async def test_an_account_is_told_once_and_again_when_it_was_lost(secured, tmp_path):
    assert await secured.access.publish([secured.workspace])
    assert not await secured.access.publish([secured.workspace])
    secured.server.stop()
    (tmp_path / "nats" / "resolver" / f"{secured.workspace.key}.jwt").unlink()
    secured.server.start()
    assert await secured.access.publish([secured.workspace])


async def test_an_account_of_another_signer_is_left_alone(secured):
    system = await secured.connect(str(secured.security.creds_file("system")), "_INBOX_provisioner")
    stranger = nats_jwt.account_token(nats_jwt.new_operator_key(), secured.security.services.public, "services")
    with pytest.raises(nats_accounts.ClaimsRefused, match="signed by"):
        await nats_accounts.publish_account(system, stranger)


async def test_claims_that_are_none_are_refused(secured):
    system = await secured.connect(str(secured.security.creds_file("system")), "_INBOX_provisioner")
    with pytest.raises(nats_accounts.ClaimsRefused):
        await nats_accounts.push_account(system, "no.such.token")


async def test_an_expired_pod_is_refused(secured):
    with pytest.raises(NatsError, match=r"(?i)(authorization|expired)"):
        await secured.pod(uuid4(), await secured.pod_user(uuid4(), lifetime_s=-5))


def test_permissions_follow_the_contracts():
    permissions = service_permissions("notifier")
    others = [s for s in permissions.publish if s.startswith(("job.", "pod.", "rpc.", "training."))]
    assert others == ["rpc.job_api.job_creator"]
    assert set(permissions.subscribe) == {"_INBOX_notifier.>", *(
        f"rpc.notifier.{method}" for method in ("health", "preferences", "set_preferences", "send_test"))}
    assert "rpc.cost_guard.reserve" in service_permissions("job_api").publish
    assert "rpc.cost_guard.reserve" in service_permissions("cost_guard").subscribe
    assert "podrpc.sign_urls.*" in service_permissions("provisioner").subscribe


def test_keys_are_kept_and_private(tmp_path):
    first = NatsSecurity.ensure(tmp_path)
    seed = first.creds_file("notifier").read_text().splitlines()[-2]
    again = NatsSecurity.ensure(tmp_path)
    assert (again.operator, again.services, again.pods_signing) == (
        first.operator, first.services, first.pods_signing)
    assert again.creds_file("notifier").read_text().splitlines()[-2] == seed
    assert {oct(f.stat().st_mode)[-3:] for f in tmp_path.rglob("*") if f.is_file()} == {"600"}


def test_environment_names_existing_files(tmp_path):
    environment = NatsSecurity.ensure(tmp_path).provisioner_environment()
    files = [v for k, v in environment.items() if k.endswith("_FILE")]
    assert len(files) == 3
    assert all(Path(file).exists() for file in files)
    assert json.dumps(files).count(str(tmp_path)) == 3


def test_only_what_pods_say_passes_between_accounts(tmp_path):
    security = NatsSecurity.ensure(tmp_path)
    claims = {key: nats_jwt.claims_of(token)["nats"] for key, token in security.accounts().items()}
    exports = claims[security.services.public]["exports"]
    assert {(entry["subject"], entry["type"]) for entry in exports} == {(s, "service") for s in pod_subjects()}
    assert not any(entry["imports"] for entry in claims.values())
    assert claims[security.system_account.public]["exports"] == []


def left_by_the_release_before(folder):
    """Services and pods in one account, whose users one key signed. Returns the configuration and a pod's user."""
    operator, signing = nats_jwt.new_operator_key(), nats_jwt.new_operator_key()
    account, users, system = (nats_jwt.new_account_key() for _ in range(3))
    keys = {"operator": operator, "operator_signing": signing, "account": account, "account_signing": users,
            "system_account": system}
    for name, key in keys.items():
        write_private(folder / "keys" / f"{name}.seed", key.seed + "\n")
    token = nats_jwt.account_token(signing, account.public, "brightrun", signing_keys=[users.public], jetstream=True,
                                   revocations={"UX": 1}, limits=Limits())
    write_private(folder / "resolver" / f"{account.public}.jwt", token)
    write_private(folder / "resolver" / f"{system.public}.jwt",
                  nats_jwt.account_token(signing, system.public, "SYS"))

    def user(name: str, permissions: Permissions) -> str:
        key = nats_jwt.new_user_key()
        return nats_jwt.credentials(
            nats_jwt.user_token(users, account.public, key.public, name, permissions), key.seed)

    for service in SERVICES:
        write_private(folder / "creds" / f"{service}.creds", user(service, service_permissions(service)))
    write_private(folder / "creds" / "topology.creds", user("topology", topology_permissions()))
    trusted = nats_jwt.operator_token(operator, "brightrun", signing_keys=[signing.public],
                                      system_account=system.public)
    return (f'operator: {trusted}\nsystem_account: {system.public}\nresolver {{ type: full, dir: '
            f'"{folder / "resolver"}", allow_delete: false, interval: "2m" }}\n'), user


async def test_a_folder_of_the_release_before_comes_up(tmp_path, start_part):
    """Streams and keys stay, pods move into accounts of their own, and what the old ones were given ends."""
    folder, job = tmp_path / "nats", uuid4()
    config, user = left_by_the_release_before(folder)
    before = NatsPart(folder, extra_config=config, durable=False)
    before.start()
    old_pod = RawCredentials(user(f"pod-{job}", pod_permissions(job)))
    topology = await nats_client.connect(before.url, user_credentials=str(folder / "creds" / "topology.creds"),
                                         inbox_prefix=b"_INBOX_topology")
    await topology.jetstream().add_stream(name="TRAINING", subjects=["training.>"])
    pod = await nats_client.connect(before.url, user_credentials=old_pod, inbox_prefix=f"_INBOX_{job}".encode())
    await pod.jetstream().publish(f"training.progressed.{job}", b"{}")
    await topology.close()
    await pod.close()
    before.stop()

    NatsSecurity.ensure(folder)
    secured = Secured(tmp_path, start_part)  # a second time, and with a server
    assert not (folder / "keys" / "account_signing.seed").exists()
    streams = await secured.streams()
    assert (await streams.stream_info("TRAINING")).state.messages == 1
    with pytest.raises(NatsError, match=r"(?i)authorization"):
        await secured.connect(old_pod, f"_INBOX_{job}")
    new_pod = await secured.pod(job)
    assert (await new_pod.jetstream(timeout=30).publish(f"training.progressed.{job}", b"{}")).seq == 2
    for client in secured.clients:
        await client.close()
