"""From a backup to an installation that `make up` starts: databases, buckets, keys; the broker begins empty.

Keys come last: without secrets.json the stack does not start over databases, so that a restore that was interrupted is
no installation, and can be begun again.
"""

from __future__ import annotations

import io
import mimetypes
import os
import shutil
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import obstore
from obstore.store import S3Store

from ops.backup import archive, changes
from ops.backup.errors import BackupError
from ops.backup.installation import newest_migrations
from ops.backup.manifest import Manifest
from ops.backup.objects import Catalog
from ops.backup.postgres import program
from ops.backup.repository import Repository
from ops.backup.target import Target

WAL_FOLDER = "restored_wal"
_AT_ONCE = 4


@dataclass(frozen=True)
class Restored:
    """`state_of` is the time of the last transaction that was replayed, or of the backup where there was none."""

    backup: str
    objects: int
    state_of: datetime
    seconds: dict[str, float]


class Restore:
    def __init__(
        self, repository: Repository, manifest: Manifest, target: Target, report: Callable[[str], None] = lambda _: None
    ) -> None:
        self._repository, self._manifest, self.target, self._report = repository, manifest, target, report
        self._seconds: dict[str, float] = {}

    def into(self, data: Path, buckets: dict[str, Any]) -> Restored:
        """Into the folder of a stack, where nothing may be. Raises BackupError."""
        self.check_schemas()
        self._check_server()
        keys = self._timed("keys", self.keys)
        self._timed("base", lambda: self.cluster_files(data / "pg"))
        count = self._timed("objects", lambda: self.objects(buckets))
        state_of = self._timed("wal", lambda: self._recover(data / "pg"))
        keys.extractall(data, filter="data")
        _close_to_others(data)
        return Restored(self._manifest.id, count, state_of, self._seconds)

    def check_schemas(self) -> None:
        """Raises BackupError unless this version can run on what comes back."""
        known = newest_migrations()
        newer = {name: found for name, found in self._manifest.schemas.items() if found > known.get(name, "")}
        if newer:
            raise BackupError(
                f"The backup is of a newer version ({self._manifest.product}): {', '.join(newer)} has migrations that "
                "this one does not know.", "Restore with that version, or take an older backup.")

    def _check_server(self) -> None:
        major = self._manifest.cluster.version // 10_000
        found = _server_major()
        if found != major:
            raise BackupError(f"The backup is of PostgreSQL {major}, and PostgreSQL {found} is installed.",
                              f"Restore with PostgreSQL {major}, then upgrade.")

    def cluster_files(self, folder: Path) -> None:
        """The base and its WAL: a cluster that recovers when it is started with the target's settings."""
        folder.mkdir(parents=True, mode=0o700)
        with self._repository.open(self._manifest.base) as file, tarfile.open(fileobj=file, mode="r:gz") as tar:
            tar.extractall(folder, filter="data")
        wal_folder = folder / WAL_FOLDER
        wal_folder.mkdir(mode=0o700)
        needed = archive.needed(self._repository, self._manifest, only_own=self.target.only_own)
        for name, stored in needed.items():
            (wal_folder / name).write_bytes(archive.read(self._repository, stored))
        (folder / "recovery.signal").touch()

    def catalog(self) -> Catalog:
        """What the buckets held at the target."""
        found = changes.read_catalog(self._repository, self._manifest.catalog)
        if self.target.only_own:
            return found
        identifier = self._manifest.cluster.system_identifier
        later = changes.changes_after(self._repository, identifier, self._manifest.catalog_at)
        return changes.applied(found, later, self.target.until)

    def keys(self) -> tarfile.TarFile:
        with self._repository.open(self._manifest.secrets) as file:
            return tarfile.open(fileobj=io.BytesIO(file.read()), mode="r:gz")

    def objects(self, buckets: dict[str, Any]) -> int:
        catalog = self.catalog()
        if missing := {bucket for bucket, _ in catalog} - set(buckets):
            raise BackupError(f"There is no bucket {', '.join(sorted(missing))}.", "Make it, then begin again.")
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda item: self._object(buckets[item.bucket], item), catalog.values()))
        return len(catalog)

    def _object(self, bucket: Any, item: Any) -> None:
        # A folder keeps no types; of an S3 bucket they are what the ending of the name says.
        kind = mimetypes.guess_type(item.key)[0] if isinstance(bucket, S3Store) else None
        with self._repository.open(item.copy_of) as file:
            obstore.put(bucket, item.key, cast(Any, file), attributes={"Content-Type": kind} if kind else None)

    def _recover(self, folder: Path) -> datetime:
        from ops.backup.recovery import RecoveringPostgres  # needs the stack, which no image has

        server = RecoveringPostgres(folder, self.target, folder / WAL_FOLDER)
        try:
            state_of = server.recover(self._manifest.cluster.restore_point)
        finally:
            server.stop()
        shutil.rmtree(folder / WAL_FOLDER)
        server.log_path.unlink(missing_ok=True)
        return state_of or self._manifest.catalog_at

    def _timed(self, name: str, step: Callable[[], Any]) -> Any:
        self._report(f"{name} ...")
        began = time.monotonic()
        result = step()
        self._seconds[name] = time.monotonic() - began
        return result


def refuse_unless_empty(data: Path) -> None:
    """What an interrupted restore left is removed. Raises BackupError where an installation is."""
    if (data / "secrets.json").exists():
        raise BackupError(f"There is an installation in {data}.", "A restore goes into an empty place: `make reset`, "
                          "or another folder (BRIGHTRUN_DATA_DIR).")
    shutil.rmtree(data / "pg", ignore_errors=True)
    shutil.rmtree(data / "s3", ignore_errors=True)


def _server_major() -> int:
    import subprocess

    done = subprocess.run([program("postgres"), "--version"], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[2].split(".")[0])


def _close_to_others(data: Path) -> None:
    for name in ("secrets.json", "credentials.json", "stack.json"):
        if (path := data / name).exists():
            os.chmod(path, 0o600)
