"""What is made once and never again: the passwords and keys that everything else is written from."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from ops.secrets.authority import Authority
from stack.layout import Layout
from stack.nats_security import NatsSecurity
from stack.passwords import Passwords
from stack.private_files import private_folder, write_private

MASTER = "master"


@dataclass(frozen=True)
class Material:
    """As the embedded stack has it, and what only servers in containers ask for beside that."""

    passwords: Passwords
    broker: NatsSecurity
    grafana: str
    authority: Authority

    @classmethod
    def ensure(cls, folder: Path, *, renew_certificates: bool = False) -> Material:
        """Makes what is missing; what is there stays. Raises StackError and ValueError when it cannot be read."""
        private_folder(folder)
        master = folder / MASTER
        private_folder(master)
        return cls(Passwords.ensure(Layout(master)), NatsSecurity.ensure(master / "nats"),
                   _once(master / "grafana-password"),
                   Authority.ensure(master / "tls", renewing=renew_certificates))

    @classmethod
    def load(cls, folder: Path) -> Material:
        """What is there, and nothing written anew."""
        master = folder / MASTER
        return cls(Passwords.ensure(Layout(master)), NatsSecurity.load(master / "nats"),
                   _once(master / "grafana-password"), Authority.ensure(master / "tls", renewing=False))


def _once(path: Path) -> str:
    if not path.exists():
        write_private(path, secrets.token_hex(24))
    return path.read_text().strip()
