"""Passwords and keys of one stack, made at its first start and kept in a file only its owner can read."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field, replace

from stack.layout import Layout
from stack.nats_permissions import SERVICES
from stack.private_files import write_private_json
from stack.problems import StackError


@dataclass(frozen=True)
class Passwords:
    postgres: str
    databases: dict[str, str]
    valkey: str
    s3_access_key: str
    s3_secret_key: str
    webhook: str
    # Of the roles that see one workspace at a time; releases before had none.
    tenants: dict[str, str] = field(default_factory=dict)
    # Seals the web page's cookies; releases before had no page.
    session: str = ""

    @classmethod
    def ensure(cls, layout: Layout) -> Passwords:
        if layout.secrets_file.exists():
            return cls._read(layout)
        if (layout.data / "pg" / "PG_VERSION").exists():
            raise StackError(
                f"{layout.secrets_file} is missing, but there are databases that need its passwords.",
                "Put the file back, or start anew with `make reset` (deletes all jobs and files).",
            )
        return cls._save(layout, cls._generate())

    def renewed(self, layout: Layout, services: list[str]) -> Passwords:
        """Written down with new ones for both roles of these services."""
        new = [{name: _password() for name in services} for _ in range(2)]
        return self._save(layout, replace(self, databases=self.databases | new[0], tenants=self.tenants | new[1]))

    @classmethod
    def _read(cls, layout: Layout) -> Passwords:
        try:
            stored = cls(**json.loads(layout.secrets_file.read_text()))
        except (ValueError, TypeError) as error:
            raise StackError(
                f"{layout.secrets_file} cannot be read: {error}.",
                "Put a good copy back, or start anew with `make reset`.",
            ) from error
        databases, tenants = _with_missing(stored.databases), _with_missing(stored.tenants)
        complete = replace(stored, databases=databases, tenants=tenants, session=stored.session or _password())
        return stored if complete == stored else cls._save(layout, complete)

    @classmethod
    def _generate(cls) -> Passwords:
        access_key = f"brightrun{secrets.token_hex(8)}"
        return cls(_password(), _with_missing({}), _password(), access_key, _password(), _password(),
                   _with_missing({}), _password())

    @classmethod
    def _save(cls, layout: Layout, passwords: Passwords) -> Passwords:
        write_private_json(layout.secrets_file, asdict(passwords))
        return passwords


def _password() -> str:
    return secrets.token_hex(24)


def _with_missing(passwords: dict[str, str]) -> dict[str, str]:
    """One for each service."""
    return {name: _password() for name in SERVICES} | passwords
