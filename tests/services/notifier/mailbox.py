"""A real SMTP server that keeps what it is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from typing import Any

from aiosmtpd.controller import Controller

from stack.parts import free_port


class Mailbox:
    """Answers of `refusals` are given first, one for each recipient named; then everything is taken."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.refusals: list[str] = []
        self.port = free_port()

    @property
    def recipients(self) -> list[str]:
        return sorted(message["To"] for message in self.messages)

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:
        self.messages.append(message_from_bytes(envelope.content))
        return "250 OK"


@contextmanager
def receiving() -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
