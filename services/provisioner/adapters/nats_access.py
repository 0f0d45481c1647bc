"""Accounts and users of pods, in NATS operator mode; and a broker that asks for neither."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from nats.aio.client import Client

from chassis.messaging.nats_accounts import SignedByNewerKey, fetch_account, publish_account
from chassis.messaging.nats_jwt import (
    Limits,
    Permissions,
    account_token,
    claims_of,
    credentials,
    new_account_key,
    new_user_key,
    user_token,
)
from chassis.messaging.nats_signing import SigningKeys
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

    `system_creds_file` belongs to a user of the system account: only there are accounts updated. The files of keys are
    read at each use, so that a key is replaced without a restart. Raises OSError or ValueError where they hold none.
    """

    def __init__(
        self, *, nats_url: str, services_account: str, pods_signing: Path, operator_signing: Path,
        system_creds_file: str, tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url, self._system_creds, self._tls = nats_url, system_creds_file, tls
        self._services, self._pods_signing, self._operator_signing = services_account, pods_signing, operator_signing
        for keys in (pods_signing, operator_signing):
            SigningKeys.read(keys)

    def new_account_key(self) -> str:
        # Its seed is thrown away: the operator signs the account, `pods_signing` its users.
        return new_account_key().public

    def issue(self, account: str, job_id: UUID, lifetime_s: int) -> PodCredentials:
        key, expires = new_user_key(), datetime.now(UTC) + timedelta(seconds=lifetime_s)
        signer = SigningKeys.read(self._pods_signing).current
        token = user_token(signer, account, key.public, f"pod-{job_id}", pod_permissions(job_id),
                           limits=POD_LIMITS, expires=expires)
        return PodCredentials(key.public, credentials(token, key.seed), expires)

    async def introduce(self, account: BrokerAccount) -> None:
        async with self._system_account() as client:
            token = self._token(account)
            if _is_current(await fetch_account(client, account.key), token):
                return
            # Who has an older key than the broker was told of waits for the new one; pods come in meanwhile.
            with suppress(SignedByNewerKey):
                await publish_account(client, token)

    async def publish(self, accounts: Sequence[BrokerAccount]) -> int:
        async with self._system_account() as client:
            return sum([await publish_account(client, self._token(account)) for account in accounts])

    def _token(self, account: BrokerAccount) -> str:
        signer, users = SigningKeys.read(self._operator_signing).current, SigningKeys.read(self._pods_signing).public
        return account_token(
            signer, account.key, f"pods of {account.workspace_id}", signing_keys=users,
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


def _is_current(present: str, wanted: str) -> bool:
    """Whether the broker knows the account by the keys that sign now, whoever is revoked in it."""
    if not present:
        return False
    found, ours = claims_of(present), claims_of(wanted)
    return bool(found["iss"] == ours["iss"] and found["nats"]["signing_keys"] == ours["nats"]["signing_keys"])


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
