"""What changed since the last look, shipped in an order that keeps databases and buckets consistent at any moment."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from ops.backup import archive, wal
from ops.backup.changes import Change, write_change
from ops.backup.errors import BackupError
from ops.backup.objects import BucketCopier, Catalog
from ops.backup.postgres import SLOT, Postgres, RunningProgram
from ops.backup.repository import Repository, StoredFile


class WalReceiver:
    """pg_receivewal at a slot: what was not received yet is kept by the server (max_slot_wal_keep_size at most).

    `has_gap`: it began anew, what the server wrote before was not received. Whoever makes a base backup resets it.
    """

    def __init__(self, cluster: Postgres, folder: Path) -> None:
        self._cluster, self._folder = cluster, folder
        self._program: RunningProgram | None = None
        self.has_gap = False

    def ensure(self) -> None:
        """Runs it if it does not. Raises BackupError with its last words when it had ended."""
        if self._program is not None and self._program.runs:
            return
        failure = self._program.said() if self._program is not None else ""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.has_gap |= not self._slot()
        self._program = self._cluster.receive_wal(self._folder, SLOT)
        if failure:
            raise BackupError(f"pg_receivewal ended: {failure}", "It was started again.")

    def stop(self) -> None:
        if self._program is not None:
            self._program.end()

    def complete(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir()
                      if wal.SEGMENT.match(path.name) or wal.HISTORY.match(path.name))

    def partial(self) -> Path | None:
        return max((path for path in self._folder.iterdir() if path.suffix == wal.PARTIAL), default=None)

    def _slot(self) -> bool:
        """True when the server kept everything since the last time."""
        rows = self._cluster.query("SELECT wal_status, active_pid FROM pg_replication_slots WHERE slot_name = $1", SLOT)
        if rows and rows[0]["wal_status"] != "lost":
            return True
        if rows:
            self._cluster.query("SELECT pg_drop_replication_slot($1)", SLOT)
        for path in self._folder.iterdir():
            path.unlink()
        self._cluster.query("SELECT pg_create_physical_replication_slot($1, true)", SLOT)
        return False


class Shipper:
    """One look after another, by one thread. `catalog` is what the buckets held at the last one."""

    def __init__(
        self, system_identifier: str, receiver: WalReceiver, copier: BucketCopier, repository: Repository
    ) -> None:
        self._identifier, self._receiver, self._copier, self._repository = (
            system_identifier, receiver, copier, repository)
        self.catalog: Catalog = {}
        self._missing: tuple[tuple[str, str], ...] = ()
        self._shipped = archive.shipped(repository, system_identifier)
        self._digest = b""

    def ship(self) -> datetime:
        """Up to which moment everything is safe now. Raises BackupError."""
        moment, missing_before = datetime.now(UTC), self._missing
        complete, partial = self._receiver.complete(), self._read_partial()
        self._ship_objects(moment)
        for path in complete:
            self._ship_segment(path)
        if partial is not None:
            self._ship_partial(*partial)
        self._tell_what_is_gone(missing_before)
        return moment

    def _read_partial(self) -> tuple[str, bytes] | None:
        """As it is before the buckets are listed; it may be complete a moment later."""
        path = self._receiver.partial()
        try:
            return (path.name, path.read_bytes()) if path is not None else None
        except FileNotFoundError:
            return None

    def _ship_objects(self, moment: datetime) -> None:
        found = self._copier.copy()
        added = tuple(item for key, item in found.items() if self.catalog.get(key) != item)
        if added:
            write_change(self._repository, self._identifier, Change(at=moment, added=added))
        self._missing = tuple(key for key in self.catalog if key not in found)
        self.catalog = found

    def _tell_what_is_gone(self, missing_before: tuple[tuple[str, str], ...]) -> None:
        """Missing at the look before: the WAL that was just shipped knows why."""
        gone = tuple(key for key in missing_before if key not in self.catalog)
        if gone:
            write_change(self._repository, self._identifier, Change(at=datetime.now(UTC), removed=gone))

    def _ship_segment(self, path: Path) -> None:
        if path.name not in self._shipped:
            self._shipped[path.name] = self._put(path.name, path.read_bytes())
        if old := self._shipped.pop(path.name + wal.PARTIAL, None):
            self._repository.delete(old.path)
        if path != self._receiver.complete()[-1]:
            path.unlink()

    def _ship_partial(self, name: str, content: bytes) -> None:
        digest = hashlib.blake2b(content).digest()
        if digest == self._digest or name.removesuffix(wal.PARTIAL) in self._shipped:
            return
        before = self._shipped.get(name)
        self._shipped[name] = self._put(name, content)
        if before is not None and before.path != self._shipped[name].path:
            self._repository.delete(before.path)
        self._digest = digest

    def _put(self, name: str, content: bytes) -> StoredFile:
        return archive.put(self._repository, archive.folder_of(self._identifier), name, content)
