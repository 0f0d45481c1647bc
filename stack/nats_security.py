"""The broker's keys, accounts and users on disk, in operator mode.

keys/operator.seed            the root; signs the operator's own token only
keys/operator_signing.seed    signs accounts. The provisioner has it: it makes an account for the pods of each
                              workspace, and revokes a pod's user by a new token of that account
keys/account.seed             the services' account. It holds all streams, and takes what pods tell and ask from theirs
keys/services_signing.seed    signs the services' users
keys/pods_signing.seed        signs the pods' users. The provisioner has it to make a user per pod
keys/system_account.seed      the account that may update others
resolver/<account>.jwt        the accounts' tokens; the server keeps those that the provisioner makes up to date
creds/<user>.creds            one per service, `topology`, and `system` (for the provisioner's revocations)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chassis.messaging import nats_jwt
from chassis.messaging.nats_jwt import Key, Permissions
from contracts.pod_subjects import pod_subjects
from stack.nats_permissions import SERVICES, TOPOLOGY, service_permissions, topology_permissions
from stack.parts.nats import quoted
from stack.private_files import write_private
from stack.problems import StackError

SERVICES_ACCOUNT_NAME, SYSTEM_ACCOUNT_NAME, SYSTEM_USER = "brightrun", "SYS", "system"
# A key that a rotation is replacing: what it signed counts until the rotation ends.
RETIRING = "services_signing.retiring"
# Signed the users of services and pods while these shared an account: nothing that it signed counts any more.
_RETIRED_KEYS = ("account_signing",)


@dataclass(frozen=True)
class NatsSecurity:
    """`load` reads the keys and makes missing ones; `ensure` also writes accounts and users. Both are idempotent."""

    folder: Path
    operator: Key
    operator_signing: Key
    services: Key
    services_signing: Key
    pods_signing: Key
    system_account: Key

    @classmethod
    def ensure(cls, folder: Path) -> NatsSecurity:
        """While no server runs over this folder: what it reads at its start."""
        security = cls.load(folder)
        security._write_accounts()
        security._write_users()
        for name in _RETIRED_KEYS:
            (folder / "keys" / f"{name}.seed").unlink(missing_ok=True)
        return security

    @classmethod
    def load(cls, folder: Path) -> NatsSecurity:
        operator = _stored_key(folder, "operator", nats_jwt.new_operator_key)
        return cls(
            folder,
            operator,
            _stored_key(folder, "operator_signing", nats_jwt.new_operator_key),
            # The streams' folder is named after this key.
            _stored_key(folder, "account", nats_jwt.new_account_key),
            _stored_key(folder, "services_signing", nats_jwt.new_account_key),
            _stored_key(folder, "pods_signing", nats_jwt.new_account_key),
            _stored_key(folder, "system_account", nats_jwt.new_account_key),
        )

    @property
    def retiring(self) -> Key | None:
        """The key before, while the services' signing key is being rotated."""
        path = self.folder / "keys" / f"{RETIRING}.seed"
        return Key.from_seed(path.read_text()) if path.exists() else None

    def begin_rotation(self) -> NatsSecurity:
        """A new key signs the services' users from here on; the one before counts until `end_rotation`. A running
        server must be told `accounts()`: what lies in its folder it does not read again. Raises StackError when a
        rotation is under way."""
        if self.retiring is not None:
            raise StackError("The broker's keys are being rotated already.", "End that rotation first.")
        keys = self.folder / "keys"
        write_private(keys / f"{RETIRING}.seed", self.services_signing.seed + "\n")
        write_private(keys / "services_signing.seed", nats_jwt.new_account_key().seed + "\n")
        return NatsSecurity.load(self.folder)

    def issue_users(self) -> None:
        """New keys and tokens for all services, once the broker knows who signs them."""
        for path in (self.folder / "creds").glob("*.creds"):
            if path.stem != SYSTEM_USER:
                self._write_user(path.stem, _permissions_of(path.stem), user=nats_jwt.new_user_key())

    def end_rotation(self) -> None:
        """From here on nothing counts that the key before has signed."""
        (self.folder / "keys" / f"{RETIRING}.seed").unlink(missing_ok=True)

    def creds_file(self, user: str) -> Path:
        return self.folder / "creds" / f"{user}.creds"

    def server_config(self, resolver_folder: str = "") -> str:
        """What the server's configuration needs to trust these keys and nobody else. `resolver_folder`: where it keeps
        accounts, if not here."""
        token = nats_jwt.operator_token(
            self.operator,
            SERVICES_ACCOUNT_NAME,
            signing_keys=[self.operator_signing.public],
            system_account=self.system_account.public,
        )
        resolver = quoted(resolver_folder or str(self.folder / "resolver"))
        return (
            f"operator: {token}\nsystem_account: {self.system_account.public}\n"
            f'resolver {{ type: full, dir: {resolver}, allow_delete: false, interval: "2m" }}\n'
        )

    def accounts(self) -> dict[str, str]:
        """Account -> its token, for the server's resolver: the services' and the system's. Those of pods are made by
        the provisioner."""
        sign = self.operator_signing
        return {
            self.services.public: nats_jwt.account_token(
                sign, self.services.public, SERVICES_ACCOUNT_NAME, signing_keys=self._signers(),
                jetstream=True, exports=pod_subjects(),
            ),
            self.system_account.public: nats_jwt.account_token(sign, self.system_account.public, SYSTEM_ACCOUNT_NAME),
        }

    def provisioner_environment(self) -> dict[str, str]:
        """Where the provisioner finds what it makes accounts and users of pods with, and revokes them."""
        keys = self.folder / "keys"
        return {
            "BRIGHTRUN_NATS_ACCOUNT": self.services.public,
            "BRIGHTRUN_NATS_ACCOUNT_SIGNING_SEED_FILE": str(keys / "pods_signing.seed"),
            "BRIGHTRUN_NATS_OPERATOR_SIGNING_SEED_FILE": str(keys / "operator_signing.seed"),
            "BRIGHTRUN_NATS_SYSTEM_CREDS_FILE": str(self.creds_file(SYSTEM_USER)),
        }

    def _signers(self) -> list[str]:
        return [key.public for key in (self.services_signing, self.retiring) if key is not None]

    def _write_accounts(self) -> None:
        """Anew at each start: what the services' account takes from pods follows the contracts."""
        for account, token in self.accounts().items():
            write_private(self.folder / "resolver" / f"{account}.jwt", token)

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
        self, name: str, permissions: Permissions, signer: Key | None = None, account: Key | None = None,
        user: Key | None = None,
    ) -> None:
        signer, account, user = signer or self.services_signing, account or self.services, user or self._user_key(name)
        token = nats_jwt.user_token(signer, account.public, user.public, name, permissions)
        write_private(self.creds_file(name), nats_jwt.credentials(token, user.seed))

    def _user_key(self, name: str) -> Key:
        path = self.creds_file(name)
        if not path.exists():
            return nats_jwt.new_user_key()
        lines = path.read_text().splitlines()
        return Key.from_seed(next(line for line in lines if line.startswith("SU")))


def _permissions_of(user: str) -> Permissions:
    return topology_permissions() if user == TOPOLOGY else service_permissions(user)


def _stored_key(folder: Path, name: str, make: Callable[[], Key]) -> Key:
    path = folder / "keys" / f"{name}.seed"
    if not path.exists():
        write_private(path, make().seed + "\n")
    return Key.from_seed(path.read_text())
