"""One backup: base, restore point, the WAL between them, objects, keys, and at last the manifest."""

from __future__ import annotations

import fcntl
import io
import secrets
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from ops.backup import archive, changes, manifest, postgres, wal
from ops.backup.errors import BackupError
from ops.backup.installation import Installation, product_version
from ops.backup.manifest import ClusterState, Manifest, folder_of
from ops.backup.objects import BucketCopier, Catalog
from ops.backup.repository import Repository, StoredFile

Report = Callable[[str], None]


class BackupMaker:
    """`work` is for what is on its way. Raises BackupError; what was interrupted is no backup: prune removes it."""

    def __init__(
        self, installation: Installation, repository: Repository, work: Path, copier: BucketCopier | None = None,
        report: Report = lambda _: None,
    ) -> None:
        self._installation, self._repository, self._work, self._report = installation, repository, work, report
        self._copier = copier or BucketCopier(installation.buckets, repository)
        self._cluster = installation.postgres

    def create(self) -> Manifest:
        began = datetime.now(UTC)
        backup_id = f"{began:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        with exclusive(self._work / "create.lock"):
            base, segments, cluster = self._databases(backup_id)
            self._report("objects of the buckets ...")
            listed_at, catalog = datetime.now(UTC), self._copier.copy()
            found = Manifest(
                id=backup_id, began_at=began, finished_at=datetime.now(UTC), product=product_version(), cluster=cluster,
                schemas=postgres.schemas(self._cluster), encrypted_for=self._repository.seal.recipients, base=base,
                wal=tuple(segments), secrets=self._secrets(backup_id), objects=len(catalog),
                catalog=changes.write_catalog(self._repository, f"{folder_of(backup_id)}/catalog.json.gz", catalog),
                catalog_at=listed_at, object_bytes=_bytes_of(catalog))
            manifest.write(self._repository, found)
        return found

    def _databases(self, backup_id: str) -> tuple[StoredFile, list[StoredFile], ClusterState]:
        """WAL is received from before the base begins until after the restore point, so that nothing is missing."""
        postgres.identify(self._cluster)  # a server that is away is told as such
        folder = self._work / "wal-of-backup"
        with postgres.receiving(self._cluster, folder) as receiver:
            before = postgres.identify(self._cluster)
            self._report("databases ...")
            base = self._base(backup_id)
            name = f"brightrun-{backup_id}"
            position = postgres.mark_restore_point(self._cluster, name)
            last = wal.segment_of(position, before.timeline, before.segment_bytes)
            postgres.wait_for_segment(receiver, folder, last)
            first = wal.segment_of(before.position, before.timeline, before.segment_bytes)
            names = {path.name for path in folder.iterdir()}
            needed = [found for found in wal.reaches(names, first, before.segment_bytes) if found <= last]
            stored = [archive.put(self._repository, f"{folder_of(backup_id)}/wal", segment,
                                  (folder / segment).read_bytes()) for segment in needed]
        return base, stored, ClusterState(
            version=before.version, system_identifier=before.system_identifier, timeline=before.timeline,
            segment_bytes=before.segment_bytes, start_lsn=before.position, restore_point=name, restore_lsn=position)

    def _base(self, backup_id: str) -> StoredFile:
        running = self._cluster.base_backup()
        try:
            stored = self._repository.put(f"{folder_of(backup_id)}/base.tar.gz", cast(BinaryIO, running.process.stdout))
            if running.process.wait() != 0:
                raise BackupError(f"pg_basebackup failed: {running.said()}", "Look into PostgreSQL's log.")
        finally:
            running.end()
        return stored

    def _secrets(self, backup_id: str) -> StoredFile:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name in self._installation.files:
                if (path := self._installation.root / name).exists():
                    tar.add(path, name)
        buffer.seek(0)
        return self._repository.put(f"{folder_of(backup_id)}/secrets.tar.gz", buffer)


def _bytes_of(catalog: Catalog) -> int:
    return sum({item.copy_of.path: item.copy_of.size for item in catalog.values()}.values())


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One backup of an installation at a time, on one machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupError("Another backup is being made.", "Wait for its end.") from None
        yield
