"""Operator mode on a real server: who may say and hear what, and what a revoked user loses."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import nats as nats_client
import pytest
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from chassis.messaging import nats_jwt
from chassis.messaging.nats_jwt import Key
from contracts.streams import STREAMS, consumers_of
from services.provisioner.adapters.nats_users import pod_permissions
from stack.nats_permissions import SERVICES, service_permissions
from stack.nats_security import NatsSecurity
from stack.parts import NatsPart


class Secured:
    """A running server in operator mode and ways to connect to it."""

    def __init__(self, folder, start_part):
        self.security = NatsSecurity.ensure(folder / "nats")
        part = NatsPart(folder / "nats", extra_config=self.security.server_config(), durable=False)
        self.server = start_part(part)
        self.clients, self.folder = [], folder
        self.errors: dict[int, list[str]] = {}

    async def connect(self, creds, inbox, **options):
        errors = []

        async def note(error):
            errors.append(str(error))

        client = await nats_client.connect(
            self.server.url, user_credentials=str(creds), inbox_prefix=inbox.encode(), error_cb=note,
            connect_timeout=3, max_reconnect_attempts=0, allow_reconnect=False, **options,
        )
        self.errors[id(client)] = errors
        self.clients.append(client)
        return client

    async def service(self, name):
        return await self.connect(self.security.creds_file(name), f"_INBOX_{name}")

    def pod_creds(self, job, user: Key, **options):
        permissions = pod_permissions(job)
        token = nats_jwt.user_token(
            self.security.account_signing, self.security.account.public, user.public, f"pod-{job}", permissions,
            **options,
        )
        path = self.folder / f"{job}.creds"
        path.write_text(nats_jwt.credentials(token, user.seed))
        return path

    async def pod(self, job, user=None, **options):
        creds = self.pod_creds(job, user or nats_jwt.new_user_key(), **options)
        return await self.connect(creds, f"_INBOX_{job}")

    async def denied(self, client) -> str:
        """What the server refused, as the client was told."""
        await client.flush(2)
        await asyncio.sleep(0.05)
        return " ".join(self.errors[id(client)])


@pytest.fixture
async def secured(tmp_path, start_part):
    server = Secured(tmp_path, start_part)
    topology = await server.service("topology")
    for stream in STREAMS:
        await topology.jetstream(timeout=10).add_stream(name=stream.name, subjects=list(stream.subjects))
    for service in SERVICES:
        for spec in consumers_of(service):
            await topology.jetstream(timeout=10).add_consumer(
                spec.stream, durable_name=spec.durable, filter_subjects=list(spec.filters()), ack_policy="explicit"
            )
    yield server
    for client in server.clients:
        await client.close()


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
    assert (await pod.request(f"podrpc.heartbeat.{job}", b"{}", timeout=2)).data == b"continue"
    commands = await pod.subscribe(f"podcmd.{job}")
    await settled(pod)
    await provisioner.publish(f"podcmd.{job}", b"stop")
    assert (await commands.next_msg(2)).data == b"stop"


async def test_services_consume_acknowledge_and_bury_what_is_theirs(secured):
    job = uuid4()
    pod, ingest = await secured.pod(job), await secured.service("metrics_ingest")
    await pod.jetstream(timeout=5).publish(f"metrics.reported.{job}", b"{}")
    jetstream = ingest.jetstream(timeout=5)
    pull = await jetstream.pull_subscribe_bind(consumer="metrics_ingest_metrics", stream="METRICS")
    [message] = await pull.fetch(1, timeout=3)
    await jetstream.publish(f"dlq.metrics.reported.{job}", message.data, stream="DLQ")
    await message.in_progress()
    await message.ack_sync(timeout=2)
    info = await jetstream.consumer_info("METRICS", "metrics_ingest_metrics")
    assert (info.num_ack_pending, info.num_pending) == (0, 0)
    assert await secured.denied(ingest) == ""


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
    jetstream = job_api.jetstream(timeout=5)
    letter = await jetstream.get_msg("DLQ", seq=1, next=True, subject="dlq.>")
    await jetstream.publish("evaluation.generated.x", letter.data)
    assert await jetstream.delete_msg("DLQ", 1)
    assert await secured.denied(job_api) == ""


async def test_a_revoked_pod_is_disconnected_and_refused(secured):
    job, user, security = uuid4(), nats_jwt.new_user_key(), secured.security
    pod = await secured.pod(job, user)
    system = await secured.connect(security.creds_file("system"), "_INBOX_provisioner")
    before = await nats_jwt.fetch_account(system, security.account.public)
    revoked = nats_jwt.with_revoked(before, security.operator_signing, user.public)
    await nats_jwt.push_account(system, revoked)
    for _ in range(100):
        if not pod.is_connected:
            break
        await asyncio.sleep(0.05)
    assert not pod.is_connected
    with pytest.raises(NatsError, match=r"(?i)authorization"):
        await secured.connect(secured.folder / f"{job}.creds", f"_INBOX_{job}")
    await secured.pod(uuid4())
    secured.server.kill()
    secured.server.start()
    with pytest.raises(NatsError, match=r"(?i)authorization"):
        await secured.connect(secured.folder / f"{job}.creds", f"_INBOX_{job}")


async def test_claims_that_are_none_are_refused(secured):
    system = await secured.connect(secured.security.creds_file("system"), "_INBOX_provisioner")
    with pytest.raises(nats_jwt.ClaimsRefused):
        await nats_jwt.push_account(system, "no.such.token")


async def test_an_expired_pod_is_refused(secured):
    with pytest.raises(NatsError, match=r"(?i)(authorization|expired)"):
        await secured.pod(uuid4(), expires=datetime.now(UTC) - timedelta(seconds=5))


def test_permissions_follow_the_contracts():
    permissions = service_permissions("notifier")
    assert not any(s.startswith(("job.", "pod.", "rpc.", "training.")) for s in permissions.publish)
    assert set(permissions.subscribe) == {"_INBOX_notifier.>"}
    assert "rpc.cost_guard.reserve" in service_permissions("job_api").publish
    assert "rpc.cost_guard.reserve" in service_permissions("cost_guard").subscribe
    assert "podrpc.sign_urls.*" in service_permissions("provisioner").subscribe


def test_keys_are_kept_and_private(tmp_path):
    first = NatsSecurity.ensure(tmp_path)
    seed = first.creds_file("notifier").read_text().splitlines()[-2]
    again = NatsSecurity.ensure(tmp_path)
    assert (again.operator, again.account) == (first.operator, first.account)
    assert again.creds_file("notifier").read_text().splitlines()[-2] == seed
    assert {oct(f.stat().st_mode)[-3:] for f in tmp_path.rglob("*") if f.is_file()} == {"600"}


def test_environment_names_existing_files(tmp_path):
    environment = NatsSecurity.ensure(tmp_path).provisioner_environment()
    files = [v for k, v in environment.items() if k.endswith("_FILE")]
    assert len(files) == 3
    assert json.dumps(files).count(str(tmp_path)) == 3
