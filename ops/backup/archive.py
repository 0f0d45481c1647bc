"""WAL in the repository: compressed segments whose names say what they hold."""

from __future__ import annotations

import gzip
import io

from ops.backup import wal
from ops.backup.manifest import Manifest
from ops.backup.repository import Repository, StoredFile

FOLDER = "wal"


def put(repository: Repository, folder: str, name: str, content: bytes) -> StoredFile:
    """16 MB that are mostly empty where little is written."""
    return repository.put(f"{folder}/{name}.gz", io.BytesIO(gzip.compress(content, 1, mtime=0)), hashed_name=True)


def read(repository: Repository, stored: StoredFile) -> bytes:
    with repository.open(stored) as file:
        return gzip.decompress(file.read())


def folder_of(system_identifier: str) -> str:
    return f"{FOLDER}/{system_identifier}"


def name_of(path: str) -> str:
    """Of the segment (or history file) that lies there."""
    return path.rsplit("/", 1)[1].split(".gz.")[0]


def shipped(repository: Repository, system_identifier: str) -> dict[str, StoredFile]:
    """By name. Of a partial segment that was replaced just now the newer one counts."""
    listed = repository.list(folder_of(system_identifier))
    oldest_first = sorted(listed, key=lambda path: listed[path].written_at)
    return {name_of(path): StoredFile(path=path, size=listed[path].size, sha256=path.split(".gz.")[1][:64])
            for path in oldest_first}


def needed(repository: Repository, manifest: Manifest, *, only_own: bool = False) -> dict[str, StoredFile]:
    """What leads from the base as far as WAL reaches without a gap; with `only_own` to the backup's restore point.

    A partial segment stands under its name without the suffix: it is replayed as far as it was received.
    """
    cluster = manifest.cluster
    found = {name_of(file.path): file for file in manifest.wal}
    if not only_own:
        found = shipped(repository, cluster.system_identifier) | found
    first = wal.segment_of(cluster.start_lsn, cluster.timeline, cluster.segment_bytes)
    reached = {name.removesuffix(wal.PARTIAL): found[name] for name in wal.reaches(found, first, cluster.segment_bytes)}
    return reached | {name: file for name, file in found.items() if wal.HISTORY.match(name)}
