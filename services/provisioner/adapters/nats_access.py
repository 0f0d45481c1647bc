"""Accounts and users of pods, in NATS operator mode; and a broker that asks for neither."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from nats.aio.client import Client

from chassis.messaging.nats_jwt import (
    Key,
    Limits,
    Permissions,
    account_token,
    credentials,
    fetch_account,
    new_account_key,
    new_user_key,
    publish_account,
    user_token,
)
from chassis.messaging.tls import TlsOnlyClient
from contracts.pod_environment import MAX_POD_MESSAGE_BYTES
from contracts.pod_subjects import pod_inbox, pod_subjects
from services.provisioner.ports import BrokerAccount, PodCredentials

# Beyond its limits the broker ends a connection. A trainer has one subscription, for its answers.
POD_LIMITS = Limits(subscriptions=16, payload=MAX_POD_MESSAGE_BYTES)
# All pods of a workspace together. Connections whose other end went silently count until the server notices (minutes).
WORKSPACE_LIMITS = Limits(subscriptions=16_000, payload=MAX_POD_MESSAGE_BYTES, connections=1_000, leaf_nodes=0)


def pod_permissions(job_id: UUID) -> Permissions:
    return Permissions(pod_subjects(job_id), [f"{pod_inbox(job_id)}.>"])


class NatsAccess:
    """An account for the pods of each workspace: `services_account` takes what they tell and ask, the answers go back,
    and nothing else passes between accounts.

    `system_creds_file` belongs to a user of the system account: only there are accounts updated.
    """

    def __init__(
        self, *, nats_url: str, services_account: str, pods_signing: Key, operator_signing: Key, system_creds_file: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url, self._system_creds, self._tls = nats_url, system_creds_file, tls
        self._services, self._signer, self._operator = services_account, pods_signing, operator_signing

    def new_account_key(self) -> str:
        # Its seed is thrown away: the operator signs the account, `pods_signing` its users.
        return new_account_key().public

    def issue(self, account: str, job_id: UUID, lifetime_s: int) -> PodCredentials:
        key, expires = new_user_key(), datetime.now(UTC) + timedelta(seconds=lifetime_s)
        token = user_token(self._signer, account, key.public, f"pod-{job_id}", pod_permissions(job_id),
                           limits=POD_LIMITS, expires=expires)
        return PodCredentials(key.public, credentials(token, key.seed), expires)

    async def introduce(self, account: BrokerAccount) -> None:
        async with self._system_account() as client:
            if not await fetch_account(client, account.key):
                await publish_account(client, self._token(account))

    async def publish(self, accounts: Sequence[BrokerAccount]) -> int:
        async with self._system_account() as client:
            return sum([await publish_account(client, self._token(account)) for account in accounts])

    def _token(self, account: BrokerAccount) -> str:
        return account_token(
            self._operator, account.key, f"pods of {account.workspace_id}", signing_keys=[self._signer.public],
            imports=dict.fromkeys(pod_subjects(), self._services), limits=WORKSPACE_LIMITS,
            # "Tokens made up to then": a user's key is used for one token only, and clocks differ.
            revocations={user: int(until.timestamp()) for user, until in sorted(account.revoked.items())},
        )

    @asynccontextmanager
    async def _system_account(self) -> AsyncIterator[Client]:
        client = TlsOnlyClient() if self._tls else Client()
        await client.connect(
            self._url, user_credentials=self._system_creds, inbox_prefix=b"_INBOX_provisioner",
            allow_reconnect=False, connect_timeout=3, tls=self._tls,
        )
        try:
            yield client
        finally:
            await client.close()


class OpenBroker:
    """A broker without authentication (tests, a developer's own server)."""

    def new_account_key(self) -> str:
        return ""

    def issue(self, account: str, job_id: UUID, lifetime_s: int) -> PodCredentials:
        raise RuntimeError("a broker without accounts has no users")

    async def introduce(self, account: BrokerAccount) -> None:
        return None

    async def publish(self, accounts: Sequence[BrokerAccount]) -> int:
        return 0
