"""Where backups lie: a folder or an S3 bucket. Each file is whole or absent, known by its hash, encrypted."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store
from pydantic import BaseModel

from ops.backup.encryption import Seal
from ops.backup.errors import BackupError
from ops.backup.settings import BackupSettings

_CHUNK = 1024 * 1024


class StoredFile(BaseModel, frozen=True):
    """`size` and `sha256` are those of what lies there: it can be checked without a key."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Listed:
    size: int
    written_at: datetime


class Repository:
    """Raises BackupError where the place does not answer or a file is not what it was."""

    def __init__(self, store: Any, place: str, seal: Seal, spool: Path) -> None:
        self._store, self.place, self.seal, self._spool = store, place, seal, spool
        spool.mkdir(parents=True, exist_ok=True)

    def put(self, path: str, content: BinaryIO, *, hashed_name: bool = False, secret: bool = True) -> StoredFile:
        """Stores what can be read there, encrypted if it is secret and there is a key. With `hashed_name` the name
        says what it holds: `path.<sha256>`."""
        seal = self.seal if secret else Seal()
        with tempfile.NamedTemporaryFile(dir=self._spool) as file:
            hashing = _Hashing(cast(BinaryIO, file))
            seal.close(content, cast(BinaryIO, hashing))
            file.flush()
            name = f"{path}.{hashing.hexdigest()}" if hashed_name else path
            stored = StoredFile(path=name + seal.suffix, size=hashing.size, sha256=hashing.hexdigest())
            with self._answering(), self._there():
                obstore.put(self._store, stored.path, Path(file.name))
        return stored

    def put_plain(self, path: str, document: Any) -> None:
        """For what must be read without a key; nothing secret."""
        with self._answering(), self._there():
            obstore.put(self._store, path, json.dumps(document, indent=1, default=str).encode())

    def read_plain(self, path: str) -> Any:
        with self._answering():
            return json.loads(bytes(obstore.get(self._store, path).bytes()))

    @contextmanager
    def open(self, stored: StoredFile) -> Iterator[BinaryIO]:
        """Its content, decrypted and known to be what was stored."""
        with tempfile.TemporaryFile(dir=self._spool) as closed, tempfile.TemporaryFile(dir=self._spool) as plain:
            self._fetch(stored, cast(BinaryIO, closed))
            closed.seek(0)
            self.seal.open(stored.path, cast(BinaryIO, closed), cast(BinaryIO, plain))
            plain.seek(0)
            yield cast(BinaryIO, plain)

    def check(self, stored: StoredFile) -> None:
        """Raises BackupError when it is missing or another."""
        self._fetch(stored, None)

    def _fetch(self, stored: StoredFile, target: BinaryIO | None) -> None:
        hashing = _Hashing(target)
        with self._answering(stored.path):
            for chunk in obstore.get(self._store, stored.path).stream(min_chunk_size=_CHUNK):
                hashing.write(bytes(chunk))
        if hashing.hexdigest() != stored.sha256:
            raise BackupError(f"{stored.path} in {self.place} is damaged: its content is not what was stored.",
                              "Take another backup (`list` shows them).")

    def list(self, prefix: str) -> dict[str, Listed]:
        """By path: everything below the folder."""
        with self._answering():
            return {item["path"]: Listed(item["size"], item["last_modified"])
                    for batch in obstore.list(self._store, prefix) for item in batch}

    def delete(self, path: str) -> None:
        with self._answering(), suppress(FileNotFoundError):
            obstore.delete(self._store, path)

    @contextmanager
    def _there(self) -> Iterator[None]:
        """For writing: what is not found then is no file but the place itself."""
        try:
            yield
        except FileNotFoundError as error:
            raise BackupError(f"There is no bucket for {self.place}.",
                              "Make the bucket, or correct BRIGHTRUN_BACKUP_TO.") from error

    @contextmanager
    def _answering(self, path: str = "") -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise BackupError(f"{path or 'A file'} is missing in {self.place}.",
                              "Take another backup (`list` shows them).") from error
        except (BaseError, OSError) as error:
            raise BackupError(f"{self.place} cannot be used: {_first_line(error)}", "Check that it is there, has room, "
                              "and that BRIGHTRUN_BACKUP_TO and its keys are right.") from error


class _Hashing:
    def __init__(self, target: BinaryIO | None) -> None:
        self._target, self._sha256, self.size = target, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self._sha256.update(data)
        self.size += len(data)
        if self._target is not None:
            self._target.write(data)
        return len(data)

    def flush(self) -> None:
        """Whoever owns the target does."""

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


def open_repository(settings: BackupSettings, *, create: bool) -> Repository:
    """Raises BackupError when no place is named, or none is there to read from."""
    seal = Seal.of(settings.recipients, settings.backup_identity_file)
    place = settings.backup_to
    if not place:
        raise BackupError("Nobody said where backups lie.", "Set BRIGHTRUN_BACKUP_TO to a folder or s3://bucket/prefix.")
    store = _bucket(settings) if place.startswith("s3://") else _folder(settings, create)
    return Repository(store, place, seal, settings.work_dir / "spool")


def _folder(settings: BackupSettings, create: bool) -> LocalStore:
    folder, data = Path(settings.backup_to).resolve(), settings.data_dir.resolve()
    if folder == data or data in folder.parents:
        raise BackupError(f"{folder} lies in the state that it is to bring back.", "Choose a folder elsewhere, best on "
                          "another disk.")
    if not create and not folder.is_dir():
        raise BackupError(f"There is no folder {folder}.", "Name the folder that holds the backups.")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return LocalStore(str(folder), automatic_cleanup=True)
    except (BaseError, OSError) as error:
        raise BackupError(f"{folder} cannot be used: {_first_line(error)}", "Choose another folder.") from error


def _bucket(settings: BackupSettings) -> S3Store:
    address = urlsplit(settings.backup_to)
    endpoint = settings.backup_s3_endpoint
    more: dict[str, Any] = {"endpoint": endpoint, "virtual_hosted_style_request": False} if endpoint else {}
    return S3Store(
        address.netloc, prefix=address.path.strip("/") or None, region=settings.backup_s3_region,
        access_key_id=settings.backup_s3_access_key, secret_access_key=settings.backup_s3_secret_key.get_secret_value(),
        client_options={"allow_http": endpoint.startswith("http://"), "connect_timeout": "5s", "timeout": "1h"}, **more)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
