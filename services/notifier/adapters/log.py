"""The log, when nothing else is configured."""

import structlog

from services.notifier.ports import Letter

log = structlog.get_logger(__name__)


class LogSender:
    async def send(self, letter: Letter) -> None:
        log.info("notification", title=letter.title, lines=list(letter.lines), link=letter.link)
