"""What became of the buckets since the last backup, in small files in the order of time."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, TypeAdapter

from ops.backup.objects import Catalog, CopiedObject
from ops.backup.repository import Repository, StoredFile

FOLDER = "changes"
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_OBJECTS = TypeAdapter(list[CopiedObject])


class Change(BaseModel, frozen=True):
    """Added objects were listed at `at`; removed ones were missing a look before."""

    at: datetime
    added: tuple[CopiedObject, ...] = ()
    removed: tuple[tuple[str, str], ...] = ()


def write_change(repository: Repository, system_identifier: str, change: Change) -> None:
    path = f"{FOLDER}/{system_identifier}/{change.at.strftime(_STAMP)}.json"
    repository.put_plain(path, change.model_dump(mode="json"))


def changes_after(repository: Repository, system_identifier: str, moment: datetime) -> list[Change]:
    """In the order of time."""
    paths = sorted(paths_of_changes(repository, system_identifier))
    after = [path for path in paths if moment_of(path) > moment]
    return [Change.model_validate(repository.read_plain(path)) for path in after]


def paths_of_changes(repository: Repository, system_identifier: str) -> list[str]:
    return list(repository.list(f"{FOLDER}/{system_identifier}"))


def moment_of(path: str) -> datetime:
    return datetime.strptime(path.rsplit("/", 1)[1].removesuffix(".json") + "+0000", _STAMP + "%z")


def applied(catalog: Catalog, changes: Iterable[Change], until: datetime | None = None) -> Catalog:
    """The buckets at that time: of the first look after it only what came counts, since rows of before may name it."""
    found = dict(catalog)
    for change in changes:
        found |= {(item.bucket, item.key): item for item in change.added}
        if until is not None and change.at > until:
            break
        for gone in change.removed:
            found.pop(gone, None)
    return found


def write_catalog(repository: Repository, path: str, catalog: Catalog) -> StoredFile:
    """Keys are made of random ids: they may be read without a key, so that `prune` and `verify` need none."""
    text = json.dumps([item.model_dump(mode="json") for item in catalog.values()]).encode()
    return repository.put(path, io.BytesIO(gzip.compress(text)), secret=False)


def read_catalog(repository: Repository, stored: StoredFile) -> Catalog:
    with repository.open(stored) as file:
        items = _OBJECTS.validate_json(gzip.decompress(file.read()))
    return {(item.bucket, item.key): item for item in items}
