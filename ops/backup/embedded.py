"""The installation of `make up`: everything is found in its state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from obstore.store import LocalStore

from contracts.buckets import BUCKETS
from ops.backup.errors import BackupError
from ops.backup.installation import Installation
from ops.backup.postgres import Postgres
from stack.layout import Layout
from stack.passwords import Passwords
from stack.state import read_state
from stack.supervision import Supervision

# Of the broker only keys and users: running pods know them. Its streams come back from the outboxes, its accounts'
# tokens are written at each start, and those of pods by the provisioner. Ports are in stack.json: pods know them, too.
EMBEDDED_FILES = ("secrets.json", "credentials.json", "stack.json", "nats/keys", "nats/creds")


def embedded(data: Path) -> Installation:
    """Raises BackupError where there is none."""
    layout = Layout(data)
    state = read_state(layout)
    if state is None or not layout.secrets_file.exists():
        raise BackupError(f"There is no installation in {layout.data}.", "Start one with `make up`.")
    postgres = Postgres("127.0.0.1", state.ports["postgres"], "postgres", Passwords.ensure(layout).postgres)
    return Installation(postgres, local_buckets(data), layout.data, EMBEDDED_FILES)


def local_buckets(data: Path) -> dict[str, Any]:
    """A bucket of `make up` is a folder: listed as one it costs nothing, while the gateway reads every file for it."""
    return {name: LocalStore(str(data / "s3" / name), mkdir=True) for name in BUCKETS}


def is_running(data: Path) -> bool:
    return Supervision(Layout(data)).running()
