"""Batches of raw reports in; the good become points, each bad one is dead-lettered alone.

Not a FastStream subscriber: points come by the ten thousand a second, and are idempotent without an inbox.
"""

import asyncio
from collections.abc import AsyncIterator

from chassis.messaging.raw_batches import DONE, Outcome
from chassis.messaging.raw_message import RawMessage
from chassis.messaging.retry import Failure, Permanent, classify
from services.metrics_ingest.application.commands.store_reports import StoreReports
from services.metrics_ingest.domain.reports import Report
from services.metrics_ingest.subscribers.decoding import read_report

Group = list[tuple[int, Report]]


class ReportBatches:
    """The handler of the durable metrics_ingest_metrics."""

    def __init__(self, store: StoreReports, points_per_transaction: int) -> None:
        self._store, self._points_per_transaction = store, points_per_transaction
        # While one batch is being stored the next is fetched; two at once would only wait for each other's locks.
        self._one_at_a_time = asyncio.Lock()

    async def take(self, messages: list[RawMessage]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        async for group in self._groups(messages, outcomes):
            async with self._one_at_a_time:
                outcomes |= await self._take_group(group)
        return [outcomes[position] for position in range(len(messages))]

    async def _groups(self, messages: list[RawMessage], outcomes: dict[int, Outcome]) -> AsyncIterator[Group]:
        """Runs of reports of about so many points; a report is never cut. Bad messages get their outcome.

        Decoded only when their transaction comes: 256 KB of JSON can hold 120,000 points, a batch of them 1.4 GB.
        """
        group: Group = []
        size = 0
        for position, message in enumerate(messages):
            try:
                report = read_report(message)
            except Exception as error:
                outcomes[position] = _judged(error)
                continue
            if group and size + len(report) > self._points_per_transaction:
                yield group
                group, size = [], 0
            group.append((position, report))
            size += len(report)
            await asyncio.sleep(0)  # requests, and the batch that is being stored, go on meanwhile
        if group:
            yield group

    async def _take_group(self, group: Group) -> dict[int, Outcome]:
        try:
            stored = await self._store([report for _, report in group])
        except Exception as error:
            if len(group) > 1 and classify(error) is not Failure.DEFERRED:
                return await self._take_each(group)
            return {position: _judged(error) for position, _ in group}
        return {
            position: Outcome.dead(Permanent(stored.refused[index])) if index in stored.refused else DONE
            for index, (position, _) in enumerate(group)
        }

    async def _take_each(self, group: Group) -> dict[int, Outcome]:
        """One of them is unacceptable to the database: find it without harm to its neighbours."""
        outcomes: dict[int, Outcome] = {}
        for item in group:
            outcomes |= await self._take_group([item])
        return outcomes


def _judged(error: Exception) -> Outcome:
    return Outcome.dead(error) if classify(error) is Failure.PERMANENT else Outcome.retry(error)
