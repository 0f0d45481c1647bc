"""Buckets are copied once, and what became of them is known in the order of time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from obstore.store import LocalStore

from ops.backup.changes import Change, applied, changes_after, read_catalog, write_catalog, write_change
from ops.backup.encryption import new_key
from ops.backup.objects import BucketCopier, Catalog
from ops.backup.repository import Repository, open_repository
from ops.backup.settings import BackupSettings

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Place:
    """A bucket that is a folder, and a repository."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder, self.tmp_path = tmp_path / "bucket", tmp_path
        self.bucket = LocalStore(str(self.folder), mkdir=True)
        self.repository = self.repository_with()

    def repository_with(self, **settings: object) -> Repository:
        given = {"backup_to": str(self.tmp_path / "backups"), "data_dir": self.tmp_path / "data"} | settings
        return open_repository(BackupSettings(**given), create=True)  # type: ignore[arg-type]

    def write(self, name: str, content: bytes) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)

    def copier(self, repository: Repository | None = None) -> BucketCopier:
        return BucketCopier({"b": self.bucket}, repository or self.repository)

    def content(self, catalog: Catalog) -> dict[str, bytes]:
        found = {}
        for (_, key), item in catalog.items():
            with self.repository.open(item.copy_of) as file:
                found[key] = file.read()
        return found

    def copies(self) -> list[str]:
        return sorted(self.repository.list("objects"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_every_object_is_copied(place: Place) -> None:
    place.write("w/1/a", b"one")
    place.write("w/2/large", b"x" * 3_000_000)
    place.write("empty", b"")
    catalog = place.copier().copy()
    assert place.content(catalog) == {"w/1/a": b"one", "w/2/large": b"x" * 3_000_000, "empty": b""}


def test_what_was_copied_is_not_copied_again_by_another_process(place: Place) -> None:
    place.write("a", b"one")
    place.copier().copy()
    before = [(path, (place.tmp_path / "backups" / path).stat().st_mtime_ns) for path in place.copies()]
    place.write("b", b"two")
    catalog = place.copier().copy()
    assert set(before) < {(path, (place.tmp_path / "backups" / path).stat().st_mtime_ns) for path in place.copies()}
    assert (len(before), len(place.copies()), len(catalog)) == (1, 2, 2)


def test_an_object_that_is_written_anew_is_another(place: Place) -> None:
    place.write("a", b"one")
    first = place.copier().copy()
    place.write("a", b"two")
    second = place.copier().copy()
    assert (place.content(first), place.content(second)) == ({"a": b"one"}, {"a": b"two"})


def test_an_object_that_goes_while_buckets_are_read_is_left_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("a", b"one")
    place.write("b", b"two")
    copier = place.copier()
    listed = list(copier._list("b"))
    monkeypatch.setattr(copier, "_list", lambda bucket: listed)
    (place.folder / "a").unlink()
    place.write("b", b"changed since")
    assert copier.copy() == {}
    monkeypatch.undo()
    assert place.content(copier.copy()) == {"b": b"changed since"}


def test_with_a_key_what_was_open_is_copied_again_encrypted(place: Place) -> None:
    place.write("a", b"one")
    place.copier().copy()
    public = new_key(place.tmp_path / "key")
    catalog = place.copier(place.repository_with(backup_recipients=public)).copy()
    assert [item.copy_of.path.endswith(".age") for item in catalog.values()] == [True]


def test_a_catalog_is_read_without_a_key(place: Place) -> None:
    place.write("a", b"one")
    closed = place.repository_with(backup_recipients=new_key(place.tmp_path / "key"))
    catalog = place.copier(closed).copy()
    assert read_catalog(place.repository, write_catalog(closed, "c.json.gz", catalog)) == catalog


def test_changes_come_back_in_the_order_of_time(place: Place) -> None:
    place.write("a", b"one")
    added = tuple(place.copier().copy().values())
    later = [Change(at=NOON + timedelta(seconds=1), added=added), Change(at=NOON + timedelta(seconds=2),
                                                                         removed=(("b", "a"),))]
    for change in [*reversed(later), Change(at=NOON)]:
        write_change(place.repository, "cluster", change)
    write_change(place.repository, "another", Change(at=NOON + timedelta(seconds=3)))
    assert changes_after(place.repository, "cluster", NOON) == later


def test_of_the_first_look_after_a_moment_only_what_came_counts(place: Place) -> None:
    """A row of that moment may name an object that was listed after it; nothing of it has gone by then."""
    for name in ("old", "new", "late"):
        place.write(name, name.encode())
    items = place.copier().copy()
    old, new, late = (items["b", name] for name in ("old", "new", "late"))
    changes = [Change(at=NOON + timedelta(seconds=10), added=(new,), removed=(("b", "old"),)),
               Change(at=NOON + timedelta(seconds=20), added=(late,), removed=(("b", "new"),))]
    start = {("b", "old"): old}

    def names(seconds: float | None) -> set[str]:
        until = None if seconds is None else NOON + timedelta(seconds=seconds)
        return {key for _, key in applied(start, changes, until)}

    assert names(5) == {"old", "new"}
    assert names(15) == {"new", "late"}
    assert names(None) == {"late"}
