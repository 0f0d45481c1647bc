"""A broker user for each attempt, in NATS operator mode; and a broker that asks for none."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import nats

from chassis.messaging.nats_jwt import (
    Key,
    Permissions,
    claims_of,
    credentials,
    fetch_account,
    new_user_key,
    push_account,
    user_token,
    with_revoked,
)
from contracts.registry import EVENTS
from contracts.rpc.catalog import POD_RPCS
from services.provisioner.ports import PodCredentials

# Users live at most a job's longest duration (a week, generously); older revocations have nothing left to refuse.
_FORGET_REVOCATIONS_AFTER = timedelta(days=8)


def pod_permissions(job_id: UUID) -> Permissions:
    """What the trainer of one job may say and hear. A bare `_INBOX.>` would let it read everybody's replies."""
    events = [f"{spec.model.subject_prefix()}.{job_id}" for spec in EVENTS if "trainer" in spec.producers]
    questions = [rpc.subject(job_id) for rpc in POD_RPCS]
    return Permissions([*events, *questions], [f"podcmd.{job_id}", f"_INBOX_{job_id}.>"])


class NatsUsers:
    """Signs pod users with the account's signing key, and revokes them by a new token of the account.

    `system_creds_file` belongs to a user of the system account: only there are accounts updated.
    """

    def __init__(
        self, *, nats_url: str, account: str, account_signing: Key, operator_signing: Key, system_creds_file: str
    ) -> None:
        self._url, self._account, self._signer = nats_url, account, account_signing
        self._operator, self._system_creds = operator_signing, system_creds_file

    def issue(self, job_id: UUID, lifetime_s: int) -> PodCredentials:
        key, expires = new_user_key(), datetime.now(UTC) + timedelta(seconds=lifetime_s)
        token = user_token(self._signer, self._account, key.public, f"pod-{job_id}", pod_permissions(job_id),
                           expires=expires)
        return PodCredentials(key.public, credentials(token, key.seed))

    async def revoke(self, users: tuple[str, ...]) -> None:
        client = await nats.connect(
            self._url, user_credentials=self._system_creds, inbox_prefix=b"_INBOX_provisioner",
            allow_reconnect=False, connect_timeout=3,
        )
        try:
            token = await fetch_account(client, self._account)
            for user in users:
                token = with_revoked(token, self._operator, user,
                                     forget_before=datetime.now(UTC) - _FORGET_REVOCATIONS_AFTER)
            await push_account(client, token)
            # Another replica may have replaced the account between our read and our write.
            stored = claims_of(await fetch_account(client, self._account))["nats"].get("revocations", {})
            if missing := set(users) - set(stored):
                raise RuntimeError(f"the broker lost the revocation of {len(missing)} users")
        finally:
            await client.close()


class NoNatsUsers:
    """For a broker without authentication (tests, a developer's own server)."""

    def issue(self, job_id: UUID, lifetime_s: int) -> None:
        return None

    async def revoke(self, users: tuple[str, ...]) -> None:
        return None
