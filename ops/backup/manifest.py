"""What a backup consists of. The manifest is written last and readable without a key: it holds nothing secret."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ValidationError

from ops.backup.errors import BackupError
from ops.backup.repository import Repository, StoredFile

FORMAT = 1
FOLDER, NAME = "backups", "manifest.json"


class ClusterState(BaseModel, frozen=True):
    """`start_lsn` lies at or before the begin of the base backup, `restore_lsn` at the named restore point."""

    version: int
    system_identifier: str
    timeline: int
    segment_bytes: int
    start_lsn: int
    restore_point: str
    restore_lsn: int


class Manifest(BaseModel, frozen=True):
    """`schemas` are the databases' migrations; `wal` leads from the base to its restore point; `catalog` was listed at
    `catalog_at`, after it."""

    format: int = FORMAT
    id: str
    began_at: datetime
    finished_at: datetime
    product: str
    cluster: ClusterState
    schemas: dict[str, str]
    encrypted_for: tuple[str, ...] = ()
    base: StoredFile
    wal: tuple[StoredFile, ...]
    secrets: StoredFile
    catalog: StoredFile
    catalog_at: datetime
    objects: int
    object_bytes: int

    @property
    def size(self) -> int:
        return self.object_bytes + sum(file.size for file in (self.base, self.secrets, self.catalog, *self.wal))


def folder_of(backup_id: str) -> str:
    return f"{FOLDER}/{backup_id}"


def all_manifests(repository: Repository) -> list[Manifest]:
    """Oldest first. What was interrupted has no manifest and is no backup."""
    paths = [path for path in repository.list(FOLDER) if path.endswith(f"/{NAME}")]
    return sorted((_read(repository, path) for path in paths), key=lambda manifest: manifest.finished_at)


def find(repository: Repository, backup_id: str = "") -> Manifest:
    """The newest, or that one. Raises BackupError."""
    found = all_manifests(repository)
    if not found:
        raise BackupError(f"There is no backup in {repository.place}.", "`make backup` makes one.")
    if not backup_id:
        return found[-1]
    for manifest in found:
        if manifest.id == backup_id:
            return manifest
    raise BackupError(f"There is no backup {backup_id} in {repository.place}.", "`list` shows them.")


def write(repository: Repository, manifest: Manifest) -> None:
    repository.put_plain(f"{folder_of(manifest.id)}/{NAME}", manifest.model_dump(mode="json"))


def _read(repository: Repository, path: str) -> Manifest:
    document = repository.read_plain(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BackupError(f"{path} was written by another version.", "Use that version to read it.")
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        raise BackupError(f"{path} is damaged: {error.error_count()} fields are wrong.",
                          "Remove its folder; `list` shows the others.") from error
