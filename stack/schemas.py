"""Which databases already have the newest schema, so that a start without new migrations does not load Alembic.

A fingerprint of a service's migration files is kept as the comment of its database: it comes and goes with the data.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from stack.parts import PostgresPart


class Schemas:
    """`services` is the folder whose children have a folder `migrations`."""

    def __init__(self, services: Path) -> None:
        self.services = services

    def outdated(self, server: PostgresPart, names: list[str]) -> list[str]:
        """Services whose database was not last migrated with the present files."""
        lines = server.sql(
            "SELECT datname || ' ' || coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database"
        )
        comments = dict(line.split(" ", 1) for line in lines.splitlines())
        return [name for name in names if comments.get(name) != self.fingerprint(name)]

    def remember(self, server: PostgresPart, names: list[str]) -> None:
        server.sql("".join(f"COMMENT ON DATABASE {name} IS '{self.fingerprint(name)}';" for name in names))

    def fingerprint(self, name: str) -> str:
        digest = hashlib.sha256()
        for path in sorted((self.services / name / "migrations").rglob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return f"migrations {digest.hexdigest()[:32]}"
