"""The broker's keys, accounts and users on disk, in operator mode.

keys/operator.seed            the root; signs the operator's own token only
keys/operator_signing.seed    signs accounts. The provisioner has it: it makes an account for the pods of each
                              workspace, and revokes a pod's user by a new token of that account
keys/operator_standby.seed    signs nothing yet: the broker trusts it already, the next rotation takes it
keys/account.seed             the services' account. It holds all streams, and takes what pods tell and ask from theirs
keys/services_signing.seed    signs the services' users
keys/pods_signing.seed        signs the pods' users. The provisioner has it to make a user per pod
keys/system_account.seed      the account that may update others
keys/system_signing.seed      signs the one user of that account
resolver/<account>.jwt        the accounts' tokens; the server keeps those that the provisioner makes up to date
creds/<user>.creds            one per service, `topology`, and `system` (for the provisioner's revocations)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chassis.messaging import nats_jwt
from chassis.messaging.nats_jwt import Key, Permissions
from chassis.messaging.nats_signing import SigningKeys
from contracts.pod_subjects import pod_subjects
from stack.nats_keys import (
    OPERATOR_KEY,
    PODS_KEY,
    SERVICES_KEY,
    SYSTEM_KEY,
    key_file,
    signing_file,
    stored_key,
    stored_signing,
    stored_standby,
)
from stack.nats_permissions import SERVICES, TOPOLOGY, service_permissions, topology_permissions
from stack.parts.nats import quoted
from stack.private_files import write_private

SERVICES_ACCOUNT_NAME, SYSTEM_ACCOUNT_NAME, SYSTEM_USER = "brightrun", "SYS", "system"
# Keys of releases before: nothing that they signed counts any more.
_RETIRED_KEYS = ("account_signing", "services_signing.retiring")


@dataclass(frozen=True)
class NatsSecurity:
    """`load` reads the keys and makes missing ones; `ensure` also writes accounts and users. Both are idempotent."""

    folder: Path
    operator: Key
    operator_signing: SigningKeys
    operator_standby: Key
    services: Key
    services_signing: SigningKeys
    pods_signing: SigningKeys
    system_account: Key
    system_signing: SigningKeys

    @classmethod
    def ensure(cls, folder: Path) -> NatsSecurity:
        """While no server runs over this folder: what it reads at its start."""
        security = cls.load(folder)
        security._write_accounts()
        security._write_users()
        for name in _RETIRED_KEYS:
            key_file(folder, name).unlink(missing_ok=True)
        return security

    @classmethod
    def load(cls, folder: Path) -> NatsSecurity:
        return cls(
            folder,
            stored_key(folder, "operator", nats_jwt.new_operator_key),
            stored_signing(folder, OPERATOR_KEY),
            stored_standby(folder),
            # The streams' folder is named after this key.
            stored_key(folder, "account", nats_jwt.new_account_key),
            stored_signing(folder, SERVICES_KEY),
            stored_signing(folder, PODS_KEY),
            stored_key(folder, "system_account", nats_jwt.new_account_key),
            stored_signing(folder, SYSTEM_KEY),
        )

    def issue_users(self) -> None:
        """New keys and tokens for all whose own were signed by a key before, once the broker knows the new one."""
        current = {self.services_signing.current.public, self.system_signing.current.public}
        for path in (self.folder / "creds").glob("*.creds"):
            if nats_jwt.claims_of(nats_jwt.token_of(path.read_text()))["iss"] in current:
                continue
            if path.stem == SYSTEM_USER:
                self._write_system_user(nats_jwt.new_user_key())
            else:
                self._write_user(path.stem, _permissions_of(path.stem), user=nats_jwt.new_user_key())

    def creds_file(self, user: str) -> Path:
        return self.folder / "creds" / f"{user}.creds"

    def server_config(self, resolver_folder: str = "") -> str:
        """What the server's configuration needs to trust these keys and nobody else. `resolver_folder`: where it keeps
        accounts, if not here. A key stands behind those that it replaces."""
        signing = self.operator_signing
        token = nats_jwt.operator_token(
            self.operator,
            SERVICES_ACCOUNT_NAME,
            signing_keys=[*signing.retiring, signing.current.public, self.operator_standby.public],
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
        sign = self.operator_signing.current
        return {
            self.services.public: nats_jwt.account_token(
                sign, self.services.public, SERVICES_ACCOUNT_NAME, signing_keys=self.services_signing.public,
                jetstream=True, exports=pod_subjects(),
            ),
            self.system_account.public: nats_jwt.account_token(
                sign, self.system_account.public, SYSTEM_ACCOUNT_NAME, signing_keys=self.system_signing.public,
            ),
        }

    def provisioner_environment(self) -> dict[str, str]:
        """Where the provisioner finds what it makes accounts and users of pods with, and revokes them."""
        return {
            "BRIGHTRUN_NATS_ACCOUNT": self.services.public,
            "BRIGHTRUN_NATS_ACCOUNT_SIGNING_SEED_FILE": str(signing_file(self.folder, PODS_KEY)),
            "BRIGHTRUN_NATS_OPERATOR_SIGNING_SEED_FILE": str(signing_file(self.folder, OPERATOR_KEY)),
            "BRIGHTRUN_NATS_SYSTEM_CREDS_FILE": str(self.creds_file(SYSTEM_USER)),
        }

    def _write_accounts(self) -> None:
        """Anew at each start: what the services' account takes from pods follows the contracts."""
        for account, token in self.accounts().items():
            write_private(self.folder / "resolver" / f"{account}.jwt", token)

    def _write_users(self) -> None:
        """Anew at each start: the subjects follow the contracts."""
        for service in SERVICES:
            self._write_user(service, service_permissions(service))
        self._write_user(TOPOLOGY, topology_permissions())
        self._write_system_user()

    def _write_system_user(self, user: Key | None = None) -> None:
        self._write_user(
            SYSTEM_USER,
            Permissions(["$SYS.REQ.>"], ["_INBOX.>", "_INBOX_provisioner.>", "_INBOX_system.>"]),
            signer=self.system_signing.current,
            account=self.system_account,
            user=user,
        )

    def _write_user(
        self, name: str, permissions: Permissions, signer: Key | None = None, account: Key | None = None,
        user: Key | None = None,
    ) -> None:
        signer, user = signer or self.services_signing.current, user or self._user_key(name)
        token = nats_jwt.user_token(signer, (account or self.services).public, user.public, name, permissions)
        write_private(self.creds_file(name), nats_jwt.credentials(token, user.seed))

    def _user_key(self, name: str) -> Key:
        path = self.creds_file(name)
        if not path.exists():
            return nats_jwt.new_user_key()
        lines = path.read_text().splitlines()
        return Key.from_seed(next(line for line in lines if line.startswith("SU")))


def _permissions_of(user: str) -> Permissions:
    return topology_permissions() if user == TOPOLOGY else service_permissions(user)
