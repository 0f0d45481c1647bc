"""Encryption by age (https://age-encryption.org): by a public key, so that a server cannot read its own backups."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyrage

from ops.backup.errors import BackupError

SUFFIX = ".age"


@dataclass(frozen=True)
class Seal:
    """Without recipients nothing is encrypted. `identities` open what was encrypted for them."""

    recipients: tuple[str, ...] = ()
    identities: Sequence[Any] = field(default=(), repr=False)

    @classmethod
    def of(cls, recipients: Sequence[str], identity_file: Path | None) -> Seal:
        """Raises BackupError for keys that are none."""
        for recipient in recipients:
            _public(recipient)
        return cls(tuple(recipients), _identities(identity_file) if identity_file else ())

    @property
    def suffix(self) -> str:
        return SUFFIX if self.recipients else ""

    def close(self, source: BinaryIO, target: BinaryIO) -> None:
        if self.recipients:
            pyrage.encrypt_io(source, target, [_public(recipient) for recipient in self.recipients])
        else:
            shutil.copyfileobj(source, target, 1024 * 1024)

    def open(self, path: str, source: BinaryIO, target: BinaryIO) -> None:
        """Raises BackupError when the key is missing or another one, or when what lies there was changed."""
        if not path.endswith(SUFFIX):
            shutil.copyfileobj(source, target, 1024 * 1024)
            return
        if not self.identities:
            raise BackupError("This backup is encrypted.", "Name the file with the secret key: "
                              "BRIGHTRUN_BACKUP_IDENTITY_FILE=backup.key (or --identity).")
        try:
            pyrage.decrypt_io(source, target, self.identities)
        except pyrage.DecryptError as error:
            raise BackupError(f"{path} cannot be decrypted: {error}.", "Use the key it was encrypted for.") from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise BackupError(f"{path} is damaged: {error}.", "Take another backup (`list` shows them).") from error


def new_key(path: Path) -> str:
    """Writes a secret key to a file that is not there yet, and returns its public one."""
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BackupError(f"{path} exists.", "Choose another name; a lost key means lost backups.") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(f"# public key: {public}\n{identity}\n")
    return public


def _public(recipient: str) -> Any:
    try:
        return pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        raise BackupError(f"{recipient[:12]}... is no public key of age.",
                          "It begins with age1; `python -m ops.backup key FILE` makes one.") from None


def _identities(path: Path) -> list[Any]:
    try:
        lines = path.read_text().splitlines()
        found = [pyrage.x25519.Identity.from_str(line.strip()) for line in lines if line.strip()[:1] not in ("", "#")]
    except (OSError, UnicodeDecodeError, pyrage.IdentityError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no secret key of age"
        raise BackupError(f"{path} cannot be used: {why}.", "Name the file that `key` wrote.") from None
    if not found:
        raise BackupError(f"{path} holds no secret key of age.", "Name the file that `key` wrote.")
    return found
