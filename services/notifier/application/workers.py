"""Sends what is due, outside of any transaction, and records what came of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import Row

from chassis.clock import Clock
from chassis.database.engine import Database
from contracts.identifiers import uuid7
from services.notifier.adapters import repository
from services.notifier.domain.addresses import Channel
from services.notifier.domain.retries import retry_after
from services.notifier.ports import DeliveryFailed, DeliveryUncertain, Notification, Sender
from services.notifier.settings import Settings

log = structlog.get_logger(__name__)


class DeliveryWorker:
    def __init__(
        self,
        database: Database,
        senders: Mapping[Channel, Sender],
        settings: Settings,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._database, self._senders, self._settings, self._clock = database, senders, settings, clock
        self._sent = Counter(
            "notifier_deliveries", "Deliveries by channel and result", ["channel", "result"], registry=registry
        )

    async def deliver_due(self) -> None:
        """One round: give up crashed ones, then send until nothing is due."""
        await self._report_crashed()
        while claimed := await self._claim():
            await self._deliver(*claimed)

    async def _report_crashed(self) -> None:
        async with self._database.transaction() as tx:
            crashed = await repository.mark_crashed(tx, self._clock.now())
        for row in crashed:
            self._sent.labels(row.channel, "unknown").inc()
            log.error(
                "a sender ended while sending; the message may or may not have arrived",
                delivery_id=str(row.id),
                channel=row.channel,
                kind=row.kind,
            )

    async def _claim(self) -> tuple[Row[Any], UUID] | None:
        """One at a time: a crash leaves at most one delivery of which nobody knows whether it arrived."""
        token, lease = uuid7(), timedelta(seconds=4 * self._settings.send_timeout_s)
        async with self._database.transaction() as tx:
            row = await repository.claim_due(tx, token, self._clock.now(), lease)
        return None if row is None else (row, token)

    async def _deliver(self, row: Row[Any], token: UUID) -> None:
        result = await self._attempt(row)
        self._sent.labels(row.channel, result["status"]).inc()
        async with self._database.transaction() as tx:
            await repository.finish(tx, row.id, token, **result)

    async def _attempt(self, row: Row[Any]) -> dict[str, Any]:
        """What to write into the row after one try."""
        try:
            await self._senders[Channel(row.channel)].send(self._notification(row))
        except DeliveryUncertain as error:
            return {"status": "unknown", "last_error": str(error)}
        except DeliveryFailed as error:
            return self._failed(row, error)
        return {"status": "sent", "sent_at": self._clock.now(), "last_error": None}

    def _failed(self, row: Row[Any], error: DeliveryFailed) -> dict[str, Any]:
        failures = row.failures + 1
        pause = retry_after(failures, self._settings.retry_delays_s, error.retry_after_s)
        log.warning("delivery failed", delivery_id=str(row.id), channel=row.channel, failures=failures,
                    error=str(error), again_in=str(pause))
        if error.permanent or pause is None:
            return {"status": "failed", "failures": failures, "last_error": str(error)}
        next_try_at = self._clock.now() + pause
        return {"status": "pending", "failures": failures, "last_error": str(error), "next_try_at": next_try_at}

    def _notification(self, row: Row[Any]) -> Notification:
        base = self._settings.public_url.rstrip("/")
        link = f"{base}/api/training/jobs/{row.job_id}" if base and row.job_id else ""
        return Notification(row.id, row.recipient, row.content["title"], tuple(row.content["lines"]), link)
