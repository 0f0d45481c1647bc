"""A running server in operator mode with all streams, and ways to connect to it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import nats as nats_client
from nats.aio.client import Client, RawCredentials
from nats.js import JetStreamContext

from contracts.streams import STREAMS, consumers_of
from services.provisioner.adapters.nats_access import NatsAccess
from services.provisioner.ports import BrokerAccount, PodCredentials
from stack.nats_permissions import SERVICES
from stack.nats_security import NatsSecurity
from stack.parts import NatsPart


def broker_access(security: NatsSecurity, url: str) -> NatsAccess:
    """As the provisioner is given it."""
    environment = security.provisioner_environment()

    def key(name: str) -> Path:
        return Path(environment[f"BRIGHTRUN_NATS_{name}_SIGNING_SEED_FILE"])

    return NatsAccess(
        nats_url=url, services_account=environment["BRIGHTRUN_NATS_ACCOUNT"], pods_signing=key("ACCOUNT"),
        operator_signing=key("OPERATOR"), system_creds_file=environment["BRIGHTRUN_NATS_SYSTEM_CREDS_FILE"])


class Secured:
    """`pod` and `service` connect; `workspace` is the one whose pods they are unless another is given."""

    def __init__(self, folder: Path, start_part: Any) -> None:
        self.security = NatsSecurity.ensure(folder / "nats")
        part = NatsPart(folder / "nats", extra_config=self.security.server_config(), durable=False)
        self.server = start_part(part)
        self.access = broker_access(self.security, self.server.url)
        self.workspace = BrokerAccount(self.access.new_account_key(), uuid4())
        self.clients: list[Client] = []
        self.errors: dict[int, list[str]] = {}

    async def connect(self, creds: object, inbox: str, **options: Any) -> Client:
        errors: list[str] = []

        async def note(error: Exception) -> None:
            errors.append(str(error))

        client = await nats_client.connect(
            self.server.url, user_credentials=creds, inbox_prefix=inbox.encode(), error_cb=note, connect_timeout=3,
            max_reconnect_attempts=0, allow_reconnect=False, **options,
        )
        self.errors[id(client)] = errors
        self.clients.append(client)
        return client

    async def service(self, name: str) -> Client:
        return await self.connect(str(self.security.creds_file(name)), f"_INBOX_{name}")

    async def streams(self) -> JetStreamContext:
        return (await self.service("topology")).jetstream(timeout=10)

    async def pod_user(self, job: UUID, lifetime_s: int = 600, workspace: BrokerAccount | None = None
                       ) -> PodCredentials:
        account = workspace or self.workspace
        await self.access.publish([account])
        return self.access.issue(account.key, job, lifetime_s)

    async def pod(self, job: UUID, user: PodCredentials | None = None, workspace: BrokerAccount | None = None
                  ) -> Client:
        user = user or await self.pod_user(job, workspace=workspace)
        return await self.connect(RawCredentials(user.text), f"_INBOX_{job}")

    async def denied(self, client: Client) -> str:
        """What the server refused, as the client was told."""
        await client.flush(2)
        await asyncio.sleep(0.05)
        return " ".join(self.errors[id(client)])


async def secured_server(folder: Path, start_part: Any) -> AsyncIterator[Secured]:
    server = Secured(folder, start_part)
    jetstream = await server.streams()
    for stream in STREAMS:
        await jetstream.add_stream(name=stream.name, subjects=list(stream.subjects))
    for service in SERVICES:
        for spec in consumers_of(service):
            await jetstream.add_consumer(
                spec.stream, durable_name=spec.durable, filter_subjects=list(spec.filters()), ack_policy="explicit"
            )
    yield server
    for client in server.clients:
        await client.close()
