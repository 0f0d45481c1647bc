"""A place for backups: whole files or none, known by their hash, closed to whoever has no key."""

import io
from pathlib import Path

import pytest

from ops.backup.encryption import Seal, new_key
from ops.backup.errors import BackupError
from ops.backup.repository import Repository, open_repository
from ops.backup.settings import BackupSettings
from stack.parts import S3Part
from tests.fixtures.servers import BACKUP_BUCKET

CONTENT = b"what is kept " * 200_000


def repository(tmp_path: Path, **settings: object) -> Repository:
    given = {"backup_to": str(tmp_path / "backups"), "data_dir": tmp_path / "data"} | settings
    return open_repository(BackupSettings(**given), create=True)  # type: ignore[arg-type]


def test_what_was_stored_is_read_again(tmp_path: Path) -> None:
    place = repository(tmp_path)
    stored = place.put("a/b", io.BytesIO(CONTENT))
    with place.open(stored) as file:
        assert file.read() == CONTENT
    assert (place.list("a")["a/b"].size, stored.size) == (len(CONTENT), len(CONTENT))


def test_a_name_can_say_what_it_holds(tmp_path: Path) -> None:
    stored = repository(tmp_path).put("a/b", io.BytesIO(b"x"), hashed_name=True)
    assert stored.path == f"a/b.{stored.sha256}"


def test_nothing_of_it_is_open_to_others(tmp_path: Path) -> None:
    repository(tmp_path)
    assert (tmp_path / "backups").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"other")])
def test_what_is_missing_or_changed_is_told_and_never_used(tmp_path: Path, spoil) -> None:
    place = repository(tmp_path)
    stored = place.put("a/b", io.BytesIO(CONTENT))
    spoil(tmp_path / "backups" / "a" / "b")
    with pytest.raises(BackupError, match="a/b"), place.open(stored):
        pass
    with pytest.raises(BackupError, match="a/b"):
        place.check(stored)


def test_with_a_key_only_its_secret_half_opens_what_is_secret(tmp_path: Path) -> None:
    public = new_key(tmp_path / "backup.key")
    server = repository(tmp_path, backup_recipients=public)
    stored = server.put("a/b", io.BytesIO(CONTENT))
    names = server.put("names", io.BytesIO(b"no secret"), secret=False)
    assert (stored.path, names.path) == ("a/b.age", "names")
    assert CONTENT[:13] not in (tmp_path / "backups" / "a" / "b.age").read_bytes()
    server.check(stored)  # needs no key
    with pytest.raises(BackupError, match="encrypted") as caught, server.open(stored):
        pass
    assert "BRIGHTRUN_BACKUP_IDENTITY_FILE" in caught.value.fix
    with repository(tmp_path, backup_identity_file=tmp_path / "backup.key").open(stored) as file:
        assert file.read() == CONTENT


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    stored = repository(tmp_path, backup_recipients=new_key(tmp_path / "one")).put("a", io.BytesIO(CONTENT))
    new_key(tmp_path / "two")
    with pytest.raises(BackupError, match="cannot be decrypted"), \
            repository(tmp_path, backup_identity_file=tmp_path / "two").open(stored):
        pass


def test_a_secret_key_is_private_and_never_replaced(tmp_path: Path) -> None:
    new_key(tmp_path / "backup.key")
    assert (tmp_path / "backup.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(BackupError, match="exists"):
        new_key(tmp_path / "backup.key")


@pytest.mark.parametrize(("settings", "said"), [
    ({"backup_to": ""}, "Nobody said where"),
    ({"backup_to": "{tmp}/data/backups"}, "lies in the state"),
    ({"backup_to": "/proc/nothing/here"}, "cannot be used"),
    ({"backup_recipients": "age1nonsense"}, "no public key of age"),
    ({"backup_identity_file": "/nowhere"}, "cannot be used"),
])
def test_a_place_or_key_of_no_use_is_refused_at_once(tmp_path: Path, settings, said: str) -> None:
    given = {name: value.format(tmp=tmp_path) for name, value in settings.items()}
    with pytest.raises(BackupError, match=said) as caught:
        repository(tmp_path, **given)
    assert caught.value.fix


def test_a_folder_that_is_not_there_is_not_made_by_whoever_reads(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="There is no folder"):
        open_repository(BackupSettings(backup_to=str(tmp_path / "typo"), data_dir=tmp_path / "d"), create=False)
    assert not (tmp_path / "typo").exists()


def test_a_bucket_is_such_a_place_too(tmp_path: Path, s3: S3Part) -> None:
    place = repository(tmp_path, backup_to=f"s3://{BACKUP_BUCKET}/installation", backup_s3_endpoint=s3.endpoint,
                       backup_s3_access_key=s3.access_key, backup_s3_secret_key=s3.secret_key)
    stored = place.put("a/b", io.BytesIO(CONTENT))
    with place.open(stored) as file:
        assert file.read() == CONTENT
    assert list(place.list("a")) == ["a/b"]
    place.delete("a/b")
    place.delete("a/b")
    assert place.list("a") == {}


def test_a_bucket_that_is_not_there_is_named_and_no_file_is_said_to_be_lost(tmp_path: Path, s3: S3Part) -> None:
    place = repository(tmp_path, backup_to="s3://nobody-made-it/installation", backup_s3_endpoint=s3.endpoint,
                       backup_s3_access_key=s3.access_key, backup_s3_secret_key=s3.secret_key)
    for write in (lambda: place.put("a", io.BytesIO(b"x")), lambda: place.put_plain("a", {})):
        with pytest.raises(BackupError, match="no bucket for s3://nobody-made-it/installation") as caught:
            write()
        assert "Make the bucket" in caught.value.fix


def test_an_identity_file_may_hold_older_keys_as_well(tmp_path: Path) -> None:
    for name in ("old", "new"):
        new_key(tmp_path / name)
    both = tmp_path / "both"
    both.write_text((tmp_path / "old").read_text() + (tmp_path / "new").read_text())
    assert len(Seal.of((), both).identities) == 2
