"""A real cluster and its buckets, backed up while they change, destroyed, and brought back to one point."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from obstore.store import LocalStore
from prometheus_client import CollectorRegistry

from ops.backup import manifest, verify
from ops.backup.create import BackupMaker, exclusive
from ops.backup.encryption import new_key
from ops.backup.errors import BackupError
from ops.backup.manifest import Manifest
from ops.backup.prune import prune
from ops.backup.repository import Repository
from ops.backup.restore import Restore, Restored
from ops.backup.target import Target
from ops.backup.watch import Watch
from tests.ops.backup.cluster import DATABASES, Cluster

pytestmark = pytest.mark.slow
EVERYTHING = Target()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path / "installation")
    found.start()
    yield found
    found.server.stop()


def backup(cluster: Cluster, repository: Repository | None = None) -> Manifest:
    place = repository or cluster.repository()
    return BackupMaker(cluster.installation, place, cluster.settings().work_dir).create()


def restore(
    cluster: Cluster, into: Path, target: Target = EVERYTHING, repository: Repository | None = None, backup_id: str = ""
) -> Restored:
    place = repository or cluster.repository()
    buckets = {"model-artifacts": LocalStore(str(into / "s3" / "model-artifacts"), mkdir=True)}
    return Restore(place, manifest.find(place, backup_id), target).into(into, buckets)


def everywhere(rows: str) -> dict[str, str]:
    return dict.fromkeys(DATABASES, rows)


def test_databases_buckets_and_keys_come_back_to_one_point(cluster: Cluster, tmp_path: Path) -> None:
    cluster.add(1)
    made = backup(cluster)
    cluster.add(2)
    assert made.schemas == everywhere("0001")
    cluster.destroy()
    done = restore(cluster, tmp_path / "new")
    server = cluster.restored(tmp_path / "new")
    try:
        assert cluster.rows(server) == everywhere("1")
    finally:
        server.stop()
    assert cluster.objects(tmp_path / "new") == {"1": b"adapter 1"}
    assert json.loads((tmp_path / "new" / "secrets.json").read_text()) == {"postgres": "a secret"}
    assert (tmp_path / "new" / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert done.state_of == made.catalog_at, "no transaction was replayed"
    assert not (tmp_path / "new" / "pg" / "restored_wal").exists()


def test_what_was_shipped_after_the_backup_comes_back_too(cluster: Cluster, tmp_path: Path) -> None:
    watch = Watch(cluster.settings(), cluster.installation, cluster.repository(), CollectorRegistry())
    cluster.add(1)
    watch._look()
    assert watch.failure == ""
    cluster.add(2)
    (cluster.data / "s3" / "model-artifacts" / "1").unlink()
    moment = datetime.now(UTC)
    watch._look()
    cluster.add(3)
    watch._look()
    watch._look()
    cluster.add(4)
    watch._receiver.stop()
    assert watch.failure == ""
    reached = verify.verify(cluster.repository(), manifest.find(cluster.repository())).reaches_until
    assert moment < reached <= datetime.now(UTC)
    cluster.destroy()
    restore(cluster, tmp_path / "all")
    restore(cluster, tmp_path / "then", Target(until=moment))
    restore(cluster, tmp_path / "backup", Target(only_own=True))
    for folder, rows, objects in (("all", "1 2 3", {"2", "3"}), ("then", "1 2", {"1", "2"}), ("backup", "1", {"1"})):
        server = cluster.restored(tmp_path / folder)
        try:
            assert cluster.rows(server) == everywhere(rows), folder
        finally:
            server.stop()
        assert set(cluster.objects(tmp_path / folder)) >= objects, folder
    assert set(cluster.objects(tmp_path / "all")) == {"2", "3"}, "what has gone stays gone"


def test_an_encrypted_backup_needs_its_key(cluster: Cluster, tmp_path: Path) -> None:
    cluster.add(1)
    key = cluster.folder / "backup.key"
    closed = cluster.repository(backup_recipients=new_key(key))
    backup(cluster, closed)
    assert verify.verify(cluster.repository(), manifest.find(closed)).files > 4, "checked without a key"
    secret = b"a secret"
    for path in (cluster.folder / "backups").rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes()
    cluster.destroy()
    with pytest.raises(BackupError, match="encrypted"):
        restore(cluster, tmp_path / "new")
    restore(cluster, tmp_path / "new", repository=cluster.repository(backup_identity_file=key))
    assert cluster.objects(tmp_path / "new") == {"1": b"adapter 1"}


def test_an_interrupted_backup_is_none_and_a_repetition_copies_only_the_rest(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add(1)
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            backup(cluster)
    assert manifest.all_manifests(cluster.repository()) == []
    copies = cluster.repository().list("objects")
    made = backup(cluster)
    assert cluster.repository().list("objects") == copies
    assert [found.id for found in manifest.all_manifests(cluster.repository())] == [made.id]
    later = datetime.now(UTC) + timedelta(days=2)
    prune(cluster.repository(), 7, 4, later)
    assert {path.split("/")[1] for path in cluster.repository().list("backups")} == {made.id}


def test_what_no_kept_backup_needs_is_removed_and_the_rest_is_whole(cluster: Cluster) -> None:
    cluster.add(1)
    old = backup(cluster)
    (cluster.data / "s3" / "model-artifacts" / "1").unlink()
    cluster.add(2)
    new = backup(cluster)
    later = datetime.now(UTC) + timedelta(days=2)
    assert prune(cluster.repository(), 1, 0, later) == [old.id]
    assert [found.id for found in manifest.all_manifests(cluster.repository())] == [new.id]
    assert len(cluster.repository().list("objects")) == 1
    verify.verify(cluster.repository(), new)


def test_damage_is_found_before_it_is_needed(cluster: Cluster) -> None:
    cluster.add(1)
    made = backup(cluster)
    [copy] = cluster.repository().list("objects")
    (cluster.folder / "backups" / copy).write_bytes(b"rotten")
    with pytest.raises(BackupError, match="damaged"):
        verify.verify(cluster.repository(), made)


def test_one_backup_is_made_at_a_time(cluster: Cluster) -> None:
    with exclusive(cluster.settings().work_dir / "create.lock"), pytest.raises(BackupError, match="Another backup"):
        backup(cluster)


def test_a_backup_of_a_newer_version_is_refused_before_anything_is_written(cluster: Cluster, tmp_path: Path) -> None:
    cluster.server.sql("UPDATE alembic_version SET version_num = '9999'", "job_api")
    backup(cluster)
    with pytest.raises(BackupError, match="newer version"):
        restore(cluster, tmp_path / "new")
    assert not (tmp_path / "new" / "pg").exists()


def test_a_receiver_that_was_away_too_long_begins_anew_with_a_base(cluster: Cluster) -> None:
    watch = Watch(cluster.settings(), cluster.installation, cluster.repository(), CollectorRegistry())
    watch._look()
    watch._receiver.stop()
    cluster.server.sql("SELECT pg_drop_replication_slot('brightrun_backup')")
    watch._look()  # says that pg_receivewal had ended
    watch._look()
    watch._receiver.stop()
    assert watch.failure == ""
    assert len(manifest.all_manifests(cluster.repository())) == 2


def test_without_a_server_the_failure_says_so(cluster: Cluster) -> None:
    cluster.server.stop()
    with pytest.raises(BackupError, match=r"PostgreSQL at 127\.0\.0\.1:\d+ cannot be used") as caught:
        backup(cluster)
    assert "make status" in caught.value.fix
