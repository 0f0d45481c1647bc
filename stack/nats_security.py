"""The broker's keys and users on disk, in operator mode.

keys/operator.seed            the root; signs the operator's own token only
keys/operator_signing.seed    signs accounts. The provisioner has it: a pod's user is revoked by a new token of
                              the account, and accounts are signed by the operator
keys/account.seed             the account of all services and pods
keys/account_signing.seed     signs users. The provisioner has it to make a user per pod
keys/system_account.seed      the account that may update others
resolver/<account>.jwt        the accounts' tokens; the server keeps them up to date, revocations included
creds/<user>.creds            one per service, `topology`, and `system` (for the provisioner's revocations)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chassis.messaging import nats_jwt
from chassis.messaging.nats_jwt import Key, Permissions
from stack.nats_permissions import SERVICES, TOPOLOGY, service_permissions, topology_permissions
from stack.parts.nats import quoted
from stack.private_files import write_private

ACCOUNT_NAME, SYSTEM_ACCOUNT_NAME, SYSTEM_USER = "brightrun", "SYS", "system"


@dataclass(frozen=True)
class NatsSecurity:
    """`load` reads the keys and makes missing ones; `ensure` also writes accounts and users."""

    folder: Path
    operator: Key
    operator_signing: Key
    account: Key
    account_signing: Key
    system_account: Key

    @classmethod
    def ensure(cls, folder: Path) -> NatsSecurity:
        security = cls.load(folder)
        security._write_accounts()
        security._write_users()
        return security

    @classmethod
    def load(cls, folder: Path) -> NatsSecurity:
        operator = _stored_key(folder, "operator", nats_jwt.new_operator_key)
        return cls(
            folder,
            operator,
            _stored_key(folder, "operator_signing", nats_jwt.new_operator_key),
            _stored_key(folder, "account", nats_jwt.new_account_key),
            _stored_key(folder, "account_signing", nats_jwt.new_account_key),
            _stored_key(folder, "system_account", nats_jwt.new_account_key),
        )

    def creds_file(self, user: str) -> Path:
        return self.folder / "creds" / f"{user}.creds"

    def server_config(self) -> str:
        """What the server's configuration needs to trust these keys and nobody else."""
        token = nats_jwt.operator_token(
            self.operator,
            ACCOUNT_NAME,
            signing_keys=[self.operator_signing.public],
            system_account=self.system_account.public,
        )
        resolver = quoted(str(self.folder / "resolver"))
        return (
            f"operator: {token}\nsystem_account: {self.system_account.public}\n"
            f'resolver {{ type: full, dir: {resolver}, allow_delete: false, interval: "2m" }}\n'
        )

    def provisioner_environment(self) -> dict[str, str]:
        """Where the provisioner finds what it makes and revokes pod users with."""
        keys = self.folder / "keys"
        return {
            "BRIGHTRUN_NATS_ACCOUNT": self.account.public,
            "BRIGHTRUN_NATS_ACCOUNT_SIGNING_SEED_FILE": str(keys / "account_signing.seed"),
            "BRIGHTRUN_NATS_OPERATOR_SIGNING_SEED_FILE": str(keys / "operator_signing.seed"),
            "BRIGHTRUN_NATS_SYSTEM_CREDS_FILE": str(self.creds_file(SYSTEM_USER)),
        }

    def _write_accounts(self) -> None:
        """Only when absent: the server's copy may hold revocations."""
        app = self.folder / "resolver" / f"{self.account.public}.jwt"
        if not app.exists():
            token = nats_jwt.account_token(
                self.operator_signing,
                self.account.public,
                ACCOUNT_NAME,
                signing_keys=[self.account_signing.public],
                jetstream=True,
            )
            write_private(app, token)
        system = self.folder / "resolver" / f"{self.system_account.public}.jwt"
        if not system.exists():
            signer, name = self.operator_signing, SYSTEM_ACCOUNT_NAME
            write_private(system, nats_jwt.account_token(signer, self.system_account.public, name))

    def _write_users(self) -> None:
        """Anew at each start: the subjects follow the contracts."""
        for service in SERVICES:
            self._write_user(service, service_permissions(service))
        self._write_user(TOPOLOGY, topology_permissions())
        self._write_user(
            SYSTEM_USER,
            Permissions(["$SYS.REQ.>"], ["_INBOX.>", "_INBOX_provisioner.>", "_INBOX_system.>"]),
            signer=self.system_account,
            account=self.system_account,
        )

    def _write_user(
        self, name: str, permissions: Permissions, signer: Key | None = None, account: Key | None = None
    ) -> None:
        signer, account, user = signer or self.account_signing, account or self.account, self._user_key(name)
        token = nats_jwt.user_token(signer, account.public, user.public, name, permissions)
        write_private(self.creds_file(name), nats_jwt.credentials(token, user.seed))

    def _user_key(self, name: str) -> Key:
        path = self.creds_file(name)
        if not path.exists():
            return nats_jwt.new_user_key()
        lines = path.read_text().splitlines()
        return Key.from_seed(next(line for line in lines if line.startswith("SU")))


def _stored_key(folder: Path, name: str, make: Callable[[], Key]) -> Key:
    path = folder / "keys" / f"{name}.seed"
    if not path.exists():
        write_private(path, make().seed + "\n")
    return Key.from_seed(path.read_text())
