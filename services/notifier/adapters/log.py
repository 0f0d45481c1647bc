"""The log, when nothing else is configured."""

import structlog

from services.notifier.ports import Notification

log = structlog.get_logger(__name__)


class LogSender:
    async def send(self, notification: Notification) -> None:
        log.info("notification", title=notification.title, lines=list(notification.lines), link=notification.link)
