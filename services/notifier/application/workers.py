"""Sends what is due, outside of any transaction, and records what came of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Row

from chassis.database.engine import Database
from chassis.observability.logs import bound_contextvars
from contracts.identifiers import uuid7
from services.notifier.adapters import repository
from services.notifier.domain.addresses import JOB_CREATOR, Channel, NobodyToTell, creators_address
from services.notifier.domain.results import Result, Status, failed
from services.notifier.ports import DeliveryFailed, DeliveryUncertain, JobCreators, Notification, Sender
from services.notifier.settings import Settings

log = structlog.get_logger(__name__)


class DeliveryWorker:
    """Any number of replicas may run one: a delivery belongs to the token it was claimed with, for `lease_s`."""

    def __init__(
        self, database: Database, senders: Mapping[Channel, Sender], creators: JobCreators, settings: Settings,
        registry: CollectorRegistry,
    ) -> None:
        self._database, self._senders, self._creators, self._settings = database, senders, creators, settings
        self._results = Counter(
            "notifier_deliveries", "Deliveries by channel and result", ["channel", "result"], registry=registry
        )
        for channel in Channel:
            for result in (Status.SENT, Status.PENDING, Status.FAILED, Status.UNKNOWN, Status.SKIPPED):
                self._results.labels(channel, result)
        self._waiting = Gauge("notifier_deliveries_waiting", "Deliveries to be sent", registry=registry)
        self._age = Gauge("notifier_delivery_age_seconds", "Since when the oldest delivery to be sent has waited",
                          registry=registry)

    async def show_figures(self) -> None:
        async with self._database.read() as connection:
            waiting, age_s = await repository.backlog(connection)
        self._waiting.set(waiting)
        self._age.set(age_s)

    async def deliver_due(self) -> None:
        """One round: give up crashed ones, then send until nothing is due."""
        await self._report_crashed()
        while claimed := await self._claim():
            with bound_contextvars(**({"job_id": str(job_id)} if (job_id := claimed[0].job_id) else {})):
                await self._deliver(*claimed)

    async def forget_old(self) -> None:
        """Deliveries past their time."""
        older_than = timedelta(days=self._settings.notification_retention_days)
        async with self._database.transaction() as tx:
            forgotten = await repository.forget(tx, older_than)
        log.info("deliveries_forgotten", count=forgotten)

    async def _report_crashed(self) -> None:
        async with self._database.transaction() as tx:
            crashed = await repository.mark_crashed(tx)
        for row in crashed:
            self._results.labels(row.channel, Status.UNKNOWN).inc()
            log.error(
                "a sender ended while sending; the message may or may not have arrived",
                delivery_id=str(row.id), channel=row.channel, kind=row.kind,
            )

    async def _claim(self) -> tuple[Row[Any], UUID] | None:
        """One at a time: a crash leaves at most one delivery of which nobody knows whether it arrived."""
        token = uuid7()
        async with self._database.transaction() as tx:
            row = await repository.claim_due(tx, token, timedelta(seconds=self._settings.lease_s))
        return None if row is None else (row, token)

    async def _deliver(self, row: Row[Any], token: UUID) -> None:
        result = await self._attempt(row)
        self._results.labels(row.channel, result.status).inc()
        async with self._database.transaction() as tx:
            recorded = await repository.finish(tx, row.id, token, result)
        if not recorded:
            log.error(
                "a delivery ended after its lease; its result is dropped",
                delivery_id=str(row.id), channel=row.channel, result=result.status,
            )

    async def _attempt(self, row: Row[Any]) -> Result:
        try:
            notification = self._notification(row, await self._recipient(row))
            await self._senders[Channel(row.channel)].send(notification)
        except NobodyToTell as reason:
            return Result(Status.SKIPPED, row.failures, str(reason))
        except DeliveryUncertain as error:
            return Result(Status.UNKNOWN, row.failures, str(error))
        except DeliveryFailed as error:
            return self._failed(row, error)
        return Result(Status.SENT, row.failures)

    def _failed(self, row: Row[Any], error: DeliveryFailed) -> Result:
        result = failed(
            row.failures + 1, str(error), permanent=error.permanent, asked_s=error.retry_after_s,
            delays_s=self._settings.retry_delays_s,
        )
        log.warning("delivery failed", delivery_id=str(row.id), channel=row.channel, failures=result.failures,
                    error=result.error, again_in=str(result.again_in))
        return result

    async def _recipient(self, row: Row[Any]) -> str:
        """Who left the workspace while the message waited is not written to."""
        if row.recipient != JOB_CREATOR:
            return str(row.recipient)
        return creators_address(await self._creators.email(row.workspace_id, row.job_id), self._settings.audience)

    def _notification(self, row: Row[Any], recipient: str) -> Notification:
        base = self._settings.public_url.rstrip("/")
        link = f"{base}/api/training/jobs/{row.job_id}" if base and row.job_id else ""
        return Notification(row.id, recipient, row.content["title"], tuple(row.content["lines"]), link)
