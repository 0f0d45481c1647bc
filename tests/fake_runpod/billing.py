"""The provider's own bill for each pod, to the second, in hourly buckets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.fake_runpod.account import Account
from tests.fake_runpod.pods import FakePod

_HOUR = timedelta(hours=1)


def pod_bills(account: Account, pod_id: str | None) -> dict[str, Any]:
    now = account.now()
    pods = [pod for pod in account.pods.values() if pod_id in (None, pod.id)]
    records = [record for pod in pods for record in _records(pod, now)]
    start = min((pod.created_at for pod in pods), default=now)
    query = {"startTime": _hour(start).isoformat(), "endTime": (_hour(now) + _HOUR).isoformat(), "bucketSize": "hour",
             "podId": pod_id}
    totals = _amounts(sum(record["totalAmount"] for record in records))
    return {"records": records, "metadata": {"query": query, "recordCount": len(records),
                                             "uniquePodCount": len(pods), "totals": totals}}


def _records(pod: FakePod, now: datetime) -> Iterator[dict[str, Any]]:
    began, ended = pod.created_at, pod.ended_at or now
    hour = _hour(began)
    while hour < ended:
        seconds = (min(ended, hour + _HOUR) - max(began, hour)).total_seconds()
        yield {"podId": pod.id, "startTime": hour.isoformat(), "endTime": (hour + _HOUR).isoformat(),
               **_amounts(pod.hourly_usd * seconds / 3600)}
        hour += _HOUR


def _amounts(usd: float) -> dict[str, float]:
    return {"totalAmount": usd, "gpuAmount": usd, "cpuAmount": 0.0, "diskAmount": 0.0}


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
