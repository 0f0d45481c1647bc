"""Which backups stay."""

from datetime import UTC, datetime, timedelta

from ops.backup.manifest import ClusterState, Manifest
from ops.backup.repository import StoredFile
from ops.backup.retention import kept

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)  # a Saturday
FILE = StoredFile(path="x", size=1, sha256="0" * 64)
CLUSTER = ClusterState(version=180_006, system_identifier="1", timeline=1, segment_bytes=2**24, start_lsn=0,
                       restore_point="x", restore_lsn=0)


def manifest(moment: datetime) -> Manifest:
    return Manifest(id=f"{moment:%Y-%m-%dT%H}", began_at=moment, finished_at=moment, product="0.1.0", cluster=CLUSTER,
                    schemas={}, base=FILE, wal=(), secrets=FILE, catalog=FILE, catalog_at=moment, objects=0,
                    object_bytes=0)


def ids(*moments: datetime, days: int, weeks: int, now: datetime = NOON + timedelta(days=2)) -> list[str]:
    return [found.id for found in kept([manifest(moment) for moment in moments], days, weeks, now)]


def test_the_newest_of_each_day_stays() -> None:
    moments = [NOON - timedelta(days=1, hours=2), NOON - timedelta(days=1), NOON - timedelta(hours=3), NOON]
    assert ids(*moments, days=7, weeks=0) == ["2026-11-27T12", "2026-11-28T12"]


def test_days_without_a_backup_do_not_count() -> None:
    moments = [NOON - timedelta(days=days) for days in (30, 20, 10, 0)]
    assert ids(*moments, days=3, weeks=0) == ["2026-11-08T12", "2026-11-18T12", "2026-11-28T12"]


def test_the_newest_of_each_week_stays_longer_than_days_do() -> None:
    moments = [NOON - timedelta(days=days) for days in range(28, -1, -1)]
    stay = ids(*moments, days=2, weeks=3)
    assert stay == ["2026-11-15T12", "2026-11-22T12", "2026-11-27T12", "2026-11-28T12"]


def test_the_newest_stays_whatever_is_said() -> None:
    assert ids(NOON - timedelta(days=9), NOON, days=0, weeks=0) == ["2026-11-28T12"]
    assert ids(days=7, weeks=4) == []


def test_none_of_the_last_day_goes() -> None:
    moments = [NOON - timedelta(hours=25), NOON - timedelta(hours=23), NOON - timedelta(hours=1), NOON]
    assert ids(*moments, days=1, weeks=0, now=NOON) == ["2026-11-27T13", "2026-11-28T11", "2026-11-28T12"]
