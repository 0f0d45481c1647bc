"""Composition root of the notifier."""

from collections.abc import Mapping

from starlette.applications import Starlette

from chassis.clock import Clock
from chassis.database.listen import PgListener
from chassis.runtime import ServiceRuntime, worker_app
from services.notifier import subscribers
from services.notifier.adapters.email import EmailSender
from services.notifier.adapters.job_api import JobApiCreators
from services.notifier.adapters.log import LogSender
from services.notifier.adapters.repository import WAKE_CHANNEL
from services.notifier.adapters.slack import SlackSender
from services.notifier.adapters.tables import metadata
from services.notifier.application.workers import DeliveryWorker
from services.notifier.domain.addresses import Channel
from services.notifier.ports import Sender
from services.notifier.settings import Settings

_FORGET_EVERY_S = 3600.0


def build_runtime(
    settings: Settings, senders: Mapping[Channel, Sender] | None = None, clock: Clock | None = None
) -> ServiceRuntime:
    """`senders`: instead of those that the settings name."""
    runtime = ServiceRuntime(settings, metadata=metadata, clock=clock)
    runtime.include(subscribers.events, subscribers.requests)
    worker = DeliveryWorker(
        runtime.database, senders or senders_of(settings), JobApiCreators(runtime.bus), settings, runtime.registry)
    runtime.periodic(
        "delivery", settings.poll_s, worker.deliver_due, woken_by=PgListener(runtime.database.url, WAKE_CHANNEL)
    )
    runtime.periodic("old deliveries", _FORGET_EVERY_S, worker.forget_old)
    runtime.periodic("delivery figures", settings.figures_interval_s, worker.show_figures)
    return runtime


def senders_of(settings: Settings) -> Mapping[Channel, Sender]:
    url = settings.slack_webhook_url.get_secret_value()
    slack = SlackSender(url, settings.send_timeout_s, settings.send_limit_s)
    return {Channel.SLACK: slack, Channel.EMAIL: EmailSender(settings), Channel.LOG: LogSender()}


def build_app(settings: Settings) -> Starlette:
    return worker_app(build_runtime(settings))
