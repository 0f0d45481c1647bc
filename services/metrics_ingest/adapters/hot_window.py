"""The newest points of each job in Redis: the charts of running jobs without asking PostgreSQL for points.

One string per job: 8 bytes job version, 4 bytes floor, 4 unused, then records of 24 bytes. The window holds every
point with a step above the floor, as of that version. A reader compares the version with PostgreSQL's, so a window
that missed something (Redis was away, two writers crossed) is not used; the next reader builds it anew.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.metrics_ingest.domain.points import Points
from services.metrics_ingest.domain.stored import ChangedJob, Stored
from services.metrics_ingest.metrics import HOT_WINDOW
from services.metrics_ingest.ports import Window

_log = structlog.get_logger(__name__)

_HEAD = np.dtype([("version", "<i8"), ("floor", "<i4"), ("unused", "<i4")])
_RECORD = np.dtype([("metric", "<u2"), ("attempt", "<u2"), ("step", "<i4"), ("time", "<f8"), ("value", "<f8")])
_LARGEST_SHORT = 2**16 - 1
# A report of one rare metric must not cut the window of a dozen others short.
_FEWEST_METRICS = 8
_PATIENCE_S = 0.5
_PAUSE_S = 5.0

# KEYS: window. ARGV: version before, version after (8 bytes each), records in step order, bytes kept, ttl, "1" when
# the job had no points before. Redis keeps at most 1.25 times the bytes, so that cutting is rare.
_PUSH = """
local head = redis.call('GETRANGE', KEYS[1], 0, 15)
if #head < 16 then
  if ARGV[6] ~= '1' then return 0 end
  redis.call('SET', KEYS[1], ARGV[2] .. struct.pack('<i4i4', -1, 0) .. ARGV[3])
elseif string.sub(head, 1, 8) ~= ARGV[1] then
  redis.call('UNLINK', KEYS[1])
  return 0
else
  redis.call('SETRANGE', KEYS[1], 0, ARGV[2])
  redis.call('APPEND', KEYS[1], ARGV[3])
end
local kept = tonumber(ARGV[4])
local size = redis.call('STRLEN', KEYS[1]) - 16
if size > kept * 1.25 then
  local cut = size - kept
  local dropped = redis.call('GETRANGE', KEYS[1], 16, 15 + cut)
  local floor = struct.unpack('<i4', redis.call('GETRANGE', KEYS[1], 8, 11))
  for at = 5, cut, 24 do
    local step = struct.unpack('<i4', dropped, at)
    if step > floor then floor = step end
  end
  local rest = redis.call('GETRANGE', KEYS[1], 16 + cut, -1)
  redis.call('SET', KEYS[1], ARGV[2] .. struct.pack('<i4i4', floor, 0) .. rest)
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
"""


class RedisHotWindow:
    """Never raises and never waits long: without Redis everything works, only slower."""

    def __init__(self, redis: "Redis", *, points: int, ttl_s: int) -> None:
        self._redis, self._points, self._ttl_s = redis, points, ttl_s
        self._push = redis.register_script(_PUSH)
        self._quiet_until = 0.0

    async def add(self, stored: Stored) -> None:
        """After a commit: append to the windows of all jobs that changed, or drop them when it is not known which
        of the points were new."""
        if not stored.changed or stored.points is None:
            return
        if stored.inserted < stored.offered:
            await self._guarded(lambda: self._redis.unlink(*(_key(job.job_id) for job in stored.changed)))
        else:
            points, changed = stored.points, stored.changed
            await self._guarded(lambda: self._append(points, changed))

    async def _append(self, points: Points, changed: Sequence[ChangedJob]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for job in changed:
                mine = points.take(points.job_no == job.job_no)
                mine = mine.take(np.argsort(mine.step, kind="stable"))
                if (records := _records(mine)) is None:
                    pipe.unlink(_key(job.job_id))
                    continue
                kept = self._points * max(_FEWEST_METRICS, len(np.unique(mine.metric))) * _RECORD.itemsize
                await self._push(
                    keys=[_key(job.job_id)],
                    args=[
                        _version(job.version - 1),
                        _version(job.version),
                        records,
                        kept,
                        self._ttl_s,
                        int(job.version == 1),
                    ],
                    client=pipe,
                )
            await pipe.execute()

    async def put(self, job_id: UUID, version: int, floor: int, points: Points) -> None:
        """A window built from PostgreSQL."""
        records = _records(points.take(np.argsort(points.step, kind="stable")))
        if records is not None:
            head = np.array([(version, floor, 0)], dtype=_HEAD).tobytes()
            await self._guarded(lambda: self._redis.set(_key(job_id), head + records, ex=self._ttl_s))

    async def get(self, job_id: UUID, version: int, from_step: int) -> Window | None:
        """The window if it is up to date and reaches down to `from_step`."""
        head = await self._guarded(lambda: self._redis.getrange(_key(job_id), 0, _HEAD.itemsize - 1))
        if head is None:
            HOT_WINDOW.labels("away").inc()
            return None
        data = None
        if _usable(head, version, from_step):
            data = await self._guarded(lambda: self._redis.get(_key(job_id)))
        if not data or not _usable(data, version, from_step):  # looked at again: a writer may have been between
            HOT_WINDOW.labels("miss").inc()
            return None
        HOT_WINDOW.labels("hit").inc()
        return Window(int(np.frombuffer(data, _HEAD, 1)["floor"][0]), _points(data))

    async def is_current(self, job_id: UUID, version: int) -> bool:
        """Whether there is a window of this version, however far it reaches; also true when Redis is away."""
        head = await self._guarded(lambda: self._redis.getrange(_key(job_id), 0, _HEAD.itemsize - 1))
        return head is None or _usable(head, version, None)

    async def drop(self, job_id: UUID) -> None:
        await self._guarded(lambda: self._redis.unlink(_key(job_id), _latest_key(job_id)))

    async def latest(self, job_id: UUID, version: int) -> bytes | None:
        """The remembered answer about the latest values, if it is of this version."""
        data = await self._guarded(lambda: self._redis.get(_latest_key(job_id)))
        return data[8:] if data and data[:8] == _version(version) else None

    async def remember_latest(self, job_id: UUID, version: int, answer: bytes) -> None:
        await self._guarded(lambda: self._redis.set(_latest_key(job_id), _version(version) + answer, ex=self._ttl_s))

    async def _guarded(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """The result, or None when Redis is away; then it is left alone for a while."""
        if time.monotonic() < self._quiet_until:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await call()
        except (RedisError, OSError, TimeoutError) as error:
            self._quiet_until = time.monotonic() + _PAUSE_S
            _log.warning("hot_window_away", error=repr(error), pause_s=_PAUSE_S)
            return None


def _key(job_id: UUID) -> str:
    return f"metrics:hot:{job_id}"


def _latest_key(job_id: UUID) -> str:
    return f"metrics:latest:{job_id}"


def _version(version: int) -> bytes:
    return version.to_bytes(8, "little")


def _usable(data: bytes, version: int, from_step: int | None) -> bool:
    if len(data) < _HEAD.itemsize:
        return False
    head = np.frombuffer(data, _HEAD, 1)[0]
    return bool(head["version"] == version and (from_step is None or head["floor"] < from_step))


def _records(points: Points) -> bytes | None:
    """None when a number does not fit into the window's short integers."""
    if len(points) and max(points.metric.max(), points.attempt.max()) > _LARGEST_SHORT:
        return None
    records = np.empty(len(points), dtype=_RECORD)
    for name in _RECORD.names or ():
        records[name] = getattr(points, name)
    return records.tobytes()


def _points(data: bytes) -> Points:
    records = np.frombuffer(data, _RECORD, offset=_HEAD.itemsize)
    return Points(
        job_no=np.zeros(len(records), dtype=np.int32),
        metric=records["metric"].astype(np.int32),
        step=records["step"].astype(np.int32),
        attempt=records["attempt"].astype(np.int32),
        time=records["time"].astype(np.float64),
        value=records["value"].astype(np.float64),
    )
