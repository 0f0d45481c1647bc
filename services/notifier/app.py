"""Composition root of the notifier."""

from collections.abc import Mapping

from chassis.reconciler import Wakeup, every
from starlette.applications import Starlette

from chassis.clock import Clock
from chassis.runtime import ServiceRuntime, worker_app
from contracts.streams import consumers_of
from services.notifier.adapters.email import EmailSender
from services.notifier.adapters.log import LogSender
from services.notifier.adapters.slack import SlackSender
from services.notifier.domain import Channel
from services.notifier.handlers import Notify
from services.notifier.ports import Sender
from services.notifier.reconciler import Postman
from services.notifier.repository import WAKE_CHANNEL
from services.notifier.settings import Settings
from services.notifier.tables import metadata


def build_runtime(settings: Settings, clock: Clock | None = None) -> ServiceRuntime:
    runtime = ServiceRuntime(settings, metadata=metadata, clock=clock)
    notify = Notify(settings)
    for spec in consumers_of("notifier"):
        runtime.bus.consume(spec, dict.fromkeys(spec.events, notify))
    postman = Postman(runtime.database, _senders(settings), settings, runtime.clock, runtime.registry)

    async def deliver() -> None:
        async with Wakeup(runtime.database.url, WAKE_CHANNEL) as wakeup:
            await every(settings.poll_s, postman.deliver_due, wakeup=wakeup)

    runtime.background("postman", deliver)
    return runtime


def _senders(settings: Settings) -> Mapping[Channel, Sender]:
    slack = SlackSender(settings.slack_webhook_url.get_secret_value(), settings.send_timeout_s)
    return {Channel.SLACK: slack, Channel.EMAIL: EmailSender(settings), Channel.LOG: LogSender()}


def build_app(settings: Settings) -> Starlette:
    return worker_app(build_runtime(settings))
