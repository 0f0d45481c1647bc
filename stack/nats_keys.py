"""The broker's keys on disk, and the replacing of those that sign.

keys/<name>.seed of a key that signs holds the seed, and while a rotation is under way the public key of the one before:
what that one signed counts until the rotation ends (`chassis.messaging.nats_signing`). The operator's next key is made
ahead: the broker learns whom to trust at its start only, so it must have heard of a key long before that key signs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chassis.messaging.nats_jwt import Key, new_account_key, new_operator_key
from chassis.messaging.nats_signing import SigningKeys, signing_keys_text
from stack.private_files import write_private
from stack.problems import StackError

SERVICES_KEY, PODS_KEY, SYSTEM_KEY, OPERATOR_KEY = "services", "pods", "system", "operator"
# What each of them signs stands in docs/operations/security.md.
ROTATED = (SERVICES_KEY, PODS_KEY, SYSTEM_KEY, OPERATOR_KEY)
_STANDBY = "operator_standby"


def stored_key(folder: Path, name: str, make: Callable[[], Key]) -> Key:
    """The key of this name; made where it is missing."""
    path = key_file(folder, name)
    if not path.exists():
        write_private(path, make().seed + "\n")
    return Key.from_seed(path.read_text())


def stored_signing(folder: Path, which: str) -> SigningKeys:
    path = signing_file(folder, which)
    if not path.exists():
        write_private(path, signing_keys_text(_new_key(which)))
    return SigningKeys.read(path)


def stored_standby(folder: Path) -> Key:
    """The operator's next signing key."""
    standby = stored_key(folder, _STANDBY, new_operator_key)
    if standby.public in stored_signing(folder, OPERATOR_KEY).public:  # a rotation was interrupted
        key_file(folder, _STANDBY).unlink()
        return stored_key(folder, _STANDBY, new_operator_key)
    return standby


def key_file(folder: Path, name: str) -> Path:
    return folder / "keys" / f"{name}.seed"


def signing_file(folder: Path, which: str) -> Path:
    return key_file(folder, f"{which}_signing")


def begin_rotation(folder: Path, which: str) -> None:
    """A new key signs from here on; the one before counts until `end_rotation`. A running server must be told: what
    lies in its folder it does not read again. Raises StackError when a rotation is under way."""
    before = stored_signing(folder, which)
    if before.retiring:
        raise StackError(f"The broker's key {which} is being rotated already.", "End that rotation first.")
    new = stored_standby(folder) if which == OPERATOR_KEY else _new_key(which)
    write_private(signing_file(folder, which), signing_keys_text(new, [before.current.public]))
    stored_standby(folder)


def end_rotation(folder: Path, which: str) -> None:
    """From here on nothing counts that the key before has signed."""
    write_private(signing_file(folder, which), signing_keys_text(stored_signing(folder, which).current))


def _new_key(which: str) -> Key:
    return new_operator_key() if which == OPERATOR_KEY else new_account_key()
