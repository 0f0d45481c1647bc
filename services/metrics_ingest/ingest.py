"""Batches of raw messages in; the good become points, each bad one is dead-lettered alone."""

import asyncio
import time
from collections.abc import Iterator, Sequence

import numpy as np
import structlog

from chassis.clock import Clock
from chassis.messaging.raw_batches import DONE, Outcome
from chassis.messaging.raw_message import RawMessage
from chassis.messaging.retry import Failure, classify
from services.metrics_ingest.hot_window import HotWindow
from services.metrics_ingest.metrics import BATCH_POINTS, LAG_SECONDS, NOT_FINITE, POINTS, STORE_SECONDS
from services.metrics_ingest.report import Report, read_report
from services.metrics_ingest.store import PointStore, Stored

_log = structlog.get_logger(__name__)


class Ingest:
    """The handler of the durable metrics_ingest_metrics."""

    def __init__(self, store: PointStore, hot: HotWindow, clock: Clock, points_per_transaction: int) -> None:
        self._store, self._hot, self._clock = store, hot, clock
        self._points_per_transaction = points_per_transaction
        # While one batch is being stored the next is fetched; two at once would only wait for each other's locks.
        self._one_at_a_time = asyncio.Lock()

    async def take(self, messages: list[RawMessage]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        reports: list[tuple[int, Report]] = []
        for position, message in enumerate(messages):
            try:
                reports.append((position, read_report(message)))
            except Exception as error:
                outcomes[position] = _judged(error)
        async with self._one_at_a_time:
            for group in _groups(reports, self._points_per_transaction):
                outcomes |= await self._take_group(group)
        return [outcomes[position] for position in range(len(messages))]

    async def _take_group(self, group: Sequence[tuple[int, Report]]) -> dict[int, Outcome]:
        reports = [report for _, report in group]
        began = time.perf_counter()
        try:
            stored = await self._store.store(reports)
        except Exception as error:
            if len(group) > 1 and classify(error) is not Failure.DEFERRED:
                return await self._take_each(group)
            return {position: _judged(error) for position, _ in group}
        STORE_SECONDS.observe(time.perf_counter() - began)
        self._count(reports, stored)
        await self._warm(stored)
        return {
            position: Outcome.dead(stored.refused[index]) if index in stored.refused else DONE
            for index, (position, _) in enumerate(group)
        }

    async def _warm(self, stored: Stored) -> None:
        try:
            await self._hot.add(stored)
        except Exception as error:  # the points are committed: nothing that happens to a cache may undo that
            _log.error("hot_window_not_written", error=repr(error))

    async def _take_each(self, group: Sequence[tuple[int, Report]]) -> dict[int, Outcome]:
        """One of them is unacceptable to the database: find it without harm to its neighbours."""
        outcomes: dict[int, Outcome] = {}
        for item in group:
            outcomes |= await self._take_group([item])
        return outcomes

    def _count(self, reports: Sequence[Report], stored: Stored) -> None:
        now = self._clock.now().timestamp()
        for report in reports:
            LAG_SECONDS.observe(max(0.0, now - report.time))
        POINTS.labels("dropped").inc(sum(len(reports[index]) for index in stored.dropped))
        if stored.points is not None:
            BATCH_POINTS.observe(stored.offered)
            POINTS.labels("stored").inc(stored.inserted)
            POINTS.labels("duplicate").inc(stored.offered - stored.inserted)
            NOT_FINITE.inc(int((~np.isfinite(stored.points.value)).sum()))


def _judged(error: Exception) -> Outcome:
    return Outcome.dead(error) if classify(error) is Failure.PERMANENT else Outcome.retry(error)


def _groups(reports: Sequence[tuple[int, Report]], points: int) -> Iterator[Sequence[tuple[int, Report]]]:
    """Runs of reports of about so many points; a report is never cut."""
    group: list[tuple[int, Report]] = []
    size = 0
    for item in reports:
        if group and size + len(item[1]) > points:
            yield group
            group, size = [], 0
        group.append(item)
        size += len(item[1])
    if group:
        yield group
