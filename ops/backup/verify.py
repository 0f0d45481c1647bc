"""Whether a backup could be restored: everything it needs is there and is what was stored. Needs no key."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from ops.backup import archive, changes, wal
from ops.backup.errors import BackupError
from ops.backup.manifest import Manifest
from ops.backup.repository import Repository


@dataclass(frozen=True)
class Verified:
    files: int
    bytes: int
    reaches_until: datetime


def verify(repository: Repository, manifest: Manifest) -> Verified:
    """Reads everything. Raises BackupError with the first file that is missing or damaged."""
    segments = archive.needed(repository, manifest)
    catalog = changes.applied(
        changes.read_catalog(repository, manifest.catalog),
        changes.changes_after(repository, manifest.cluster.system_identifier, manifest.catalog_at))
    files = {file.path: file for file in (
        manifest.base, manifest.secrets, manifest.catalog, *manifest.wal, *segments.values(),
        *(item.copy_of for item in catalog.values()))}
    for file in files.values():
        repository.check(file)
    _check_reach(manifest, segments)
    return Verified(len(files), sum(file.size for file in files.values()), reaches_until(repository, manifest))


def _check_reach(manifest: Manifest, segments: Collection[str]) -> None:
    cluster = manifest.cluster
    last = wal.segment_of(cluster.restore_lsn, cluster.timeline, cluster.segment_bytes)
    if last not in segments:
        raise BackupError(f"The WAL of {manifest.id} does not reach its restore point.", "Take another backup.")


def reaches_until(repository: Repository, manifest: Manifest) -> datetime:
    """To which moment this backup can be brought: when the last segment without a gap was shipped."""
    listed = repository.list(archive.folder_of(manifest.cluster.system_identifier))
    written = [listed[file.path].written_at for file in archive.needed(repository, manifest).values()
               if file.path in listed]
    return max([manifest.finished_at, *written])
