"""Removes backups past their time, and what no kept one needs. Never what may belong to a backup that is being made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ops.backup import archive, changes, objects, wal
from ops.backup.manifest import FOLDER, NAME, Manifest, all_manifests, folder_of
from ops.backup.repository import Repository
from ops.backup.retention import kept

# Longer than any backup takes: what is younger may belong to one without a manifest yet.
GRACE = timedelta(days=1)


def prune(repository: Repository, days: int, weeks: int, now: datetime | None = None) -> list[str]:
    """The ids of the backups that were removed: the manifest first, so that a half removed one is none."""
    now = now or datetime.now(UTC)
    manifests = all_manifests(repository)
    stay = kept(manifests, days, weeks, now)
    gone = [manifest for manifest in manifests if manifest not in stay]
    for manifest in gone:
        repository.delete(f"{folder_of(manifest.id)}/{NAME}")
    if stay:
        _remove_folders(repository, stay, now)
        _remove_wal(repository, stay)
        _remove_changes(repository, stay)
        _remove_objects(repository, stay, now)
    return [manifest.id for manifest in gone]


def _remove_folders(repository: Repository, stay: Sequence[Manifest], now: datetime) -> None:
    """Of removed backups, and of those that were interrupted."""
    ids = {manifest.id for manifest in stay}
    found = repository.list(FOLDER)
    known = {path.split("/")[1] for path in found if path.endswith(f"/{NAME}")}
    for path, listed in found.items():
        owner = path.split("/")[1]
        if owner not in ids and (owner in known or now - listed.written_at > GRACE):
            repository.delete(path)


def _remove_wal(repository: Repository, stay: Sequence[Manifest]) -> None:
    """Segments before the oldest base of each cluster; those of clusters without a backup altogether."""
    for path in repository.list(archive.FOLDER):
        mine = [manifest for manifest in stay if path.startswith(archive.folder_of(manifest.cluster.system_identifier))]
        name = archive.name_of(path)
        if not mine or wal.older_than([name], min(_first_segment(manifest) for manifest in mine)):
            repository.delete(path)


def _first_segment(manifest: Manifest) -> str:
    cluster = manifest.cluster
    return wal.segment_of(cluster.start_lsn, cluster.timeline, cluster.segment_bytes)


def _remove_changes(repository: Repository, stay: Sequence[Manifest]) -> None:
    oldest: dict[str, datetime] = {}
    for manifest in stay:
        identifier = manifest.cluster.system_identifier
        oldest[identifier] = min(manifest.catalog_at, oldest.get(identifier, manifest.catalog_at))
    for path in repository.list(changes.FOLDER):
        identifier = path.split("/")[1]
        if identifier not in oldest or changes.moment_of(path) < oldest[identifier]:
            repository.delete(path)


def _remove_objects(repository: Repository, stay: Sequence[Manifest], now: datetime) -> None:
    used = {item.copy_of.path for manifest in stay
            for item in changes.read_catalog(repository, manifest.catalog).values()}
    for identifier in {manifest.cluster.system_identifier for manifest in stay}:
        for change in changes.changes_after(repository, identifier, datetime.min.replace(tzinfo=UTC)):
            used |= {item.copy_of.path for item in change.added}
    for path, listed in repository.list(objects.FOLDER).items():
        if path not in used and now - listed.written_at > GRACE:
            repository.delete(path)
