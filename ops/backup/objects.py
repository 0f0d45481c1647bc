"""The buckets' objects: each is copied once, under a name made of what is known of it before it is read.

Order makes a copy consistent. Services store an object before they commit the row that names it, and commit that it
goes before they remove it. So buckets are listed after the restore point (or after the WAL that will be shipped was
received): what the databases name at that point is there, or their next lines say that it goes. Younger objects are
orphans and do no harm; what has gone is noted only after WAL that knows of it was shipped.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Any, BinaryIO, cast

import obstore
from obstore.exceptions import BaseError
from pydantic import BaseModel

from ops.backup.errors import BackupError
from ops.backup.repository import Repository, StoredFile

FOLDER = "objects"
_AT_ONCE = 4


class CopiedObject(BaseModel, frozen=True):
    bucket: str
    key: str
    size: int
    copy_of: StoredFile


Catalog = dict[tuple[str, str], CopiedObject]


class BucketCopier:
    """`buckets` are stores by name. Keeps in mind what lies in the repository: one at a time."""

    def __init__(self, buckets: dict[str, Any], repository: Repository) -> None:
        self._buckets, self._repository = buckets, repository
        self._copies: dict[str, StoredFile] | None = None

    def copy(self) -> Catalog:
        """Everything that lies in the buckets now, copied where it was not."""
        copies = self._known()
        listed = [(bucket, item) for bucket in self._buckets for item in self._list(bucket)]
        new = [(bucket, item) for bucket, item in listed if _name(bucket, item) not in copies]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for name, stored in pool.map(lambda found: self._copy(*found), new):
                if stored is not None:
                    copies[name] = stored
        return {(bucket, item["path"]): CopiedObject(
                    bucket=bucket, key=item["path"], size=item["size"], copy_of=copies[_name(bucket, item)])
                for bucket, item in listed if _name(bucket, item) in copies}

    def forget(self) -> None:
        """Somebody else changed the repository."""
        self._copies = None

    def _known(self) -> dict[str, StoredFile]:
        if self._copies is None:
            self._copies = {}
            for path, listed in self._repository.list(FOLDER).items():
                name, sha256, *suffix = path.rsplit("/", 1)[1].split(".")
                # Those of a time without a key are made again with one.
                if bool(suffix) == bool(self._repository.seal.suffix):
                    self._copies[name] = StoredFile(path=path, size=listed.size, sha256=sha256)
        return self._copies

    def _list(self, bucket: str) -> Iterable[Any]:
        try:
            return [item for batch in obstore.list(self._buckets[bucket]) for item in batch]
        except (BaseError, OSError) as error:
            raise BackupError(f"The bucket {bucket} cannot be read: {str(error).splitlines()[0]}",
                              "Is the object storage running (`make status`)?") from error

    def _copy(self, bucket: str, item: dict[str, Any]) -> tuple[str, StoredFile | None]:
        """None for one that has gone or changed since it was listed: the next look finds what became of it."""
        name = _name(bucket, item)
        with suppress(FileNotFoundError):
            found = obstore.get(self._buckets[bucket], item["path"])
            if found.meta["e_tag"] == item["e_tag"] and found.meta["size"] == item["size"]:
                content = io.BufferedReader(_Chunks(found), 1024 * 1024)
                path = f"{FOLDER}/{name[:2]}/{name}"
                stored = self._repository.put(path, cast(BinaryIO, content), hashed_name=True)
                return name, stored
        return name, None


def _name(bucket: str, item: dict[str, Any]) -> str:
    modified: datetime = item["last_modified"]
    known = (bucket, item["path"], item["e_tag"] or "", str(item["size"]), modified.isoformat())
    return hashlib.sha256("\0".join(known).encode()).hexdigest()[:40]


class _Chunks(io.RawIOBase):
    """An object's content as a file that is read from begin to end."""

    def __init__(self, found: Any) -> None:
        self._chunks, self._rest = iter(found.stream(min_chunk_size=1024 * 1024)), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = bytes(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
