"""Which backups stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ops.backup.manifest import Manifest

# One that was made before an upgrade must not go because the nightly one came.
YOUNG = timedelta(days=1)


def kept(manifests: Sequence[Manifest], days: int, weeks: int, now: datetime) -> list[Manifest]:
    """The newest of each of the newest `days` days and `weeks` ISO weeks that have one, all of the last 24 hours, and
    the newest of all."""
    newest_first = sorted(manifests, key=lambda manifest: manifest.finished_at, reverse=True)
    ids = {manifest.id for manifest in newest_first if now - manifest.finished_at < YOUNG}
    ids |= {manifest.id for manifest in newest_first[:1]}
    for count, period in ((days, _day), (weeks, _week)):
        newest_of: dict[tuple[int, ...], str] = {}
        for manifest in newest_first:
            newest_of.setdefault(period(manifest.finished_at), manifest.id)
        ids |= set(list(newest_of.values())[:count])
    return [manifest for manifest in manifests if manifest.id in ids]


def _day(moment: datetime) -> tuple[int, ...]:
    return moment.timetuple()[:3]


def _week(moment: datetime) -> tuple[int, ...]:
    return tuple(moment.isocalendar()[:2])
