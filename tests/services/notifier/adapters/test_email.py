"""What is known of an e-mail when the connection breaks, and when."""

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiosmtpd.controller import Controller

from contracts.identifiers import uuid7
from services.notifier.adapters.email import EmailSender
from services.notifier.ports import DeliveryFailed, DeliveryUncertain, Notification
from services.notifier.settings import Settings
from stack.parts import free_port
from tests.services.notifier.adapters.faulty_server import faulty, full_backlog
from tests.services.notifier.conftest import Mailbox

NOTIFICATION = Notification(uuid7(), "team@example.com", "Training finished: tone", ("Steps: 9",) * 200)
ANSWERS = {b"EHLO": b"250 hello\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}


def mail_server(**overrides: bytes) -> Callable[[socket.socket], None]:
    """Answers every command; `overrides` name a command, `greeting` or `content` and what is said instead.

    An answer without a line's end is the last word: then the connection is cut.
    """

    def answer(client: socket.socket, step: str, default: bytes) -> bool:
        said = overrides.get(step, default)
        client.sendall(said)
        return said.endswith(b"\r\n")

    def dialogue(client: socket.socket) -> None:
        going_on = answer(client, "greeting", b"220 hello\r\n")
        while going_on:
            command = read_until(client, b"\r\n")[:4]
            going_on = answer(client, command.decode().lower(), ANSWERS.get(command, b"250 ok\r\n"))
            if going_on and command == b"DATA" and "data" not in overrides:
                going_on = content(client)

    def content(client: socket.socket) -> bool:
        if overrides.get("content") == b"cut":
            client.recv(10)
            return False
        read_until(client, b"\r\n.\r\n")
        return answer(client, "content", b"250 taken\r\n")

    return dialogue


def read_until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        if not (more := client.recv(1)):
            raise OSError("the client went away")
        data += more
    return data


async def send(
    port: int, timeout_s: float = 1.0, notification: Notification = NOTIFICATION, **changes: object
) -> None:
    fixed = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_start_tls": False, "send_timeout_s": timeout_s}
    await EmailSender(Settings(**{**fixed, **changes})).send(notification)


async def test_a_refused_connection_is_surely_not_delivered() -> None:
    with pytest.raises(DeliveryFailed, match="not handed over") as failure:
        await send(free_port())
    assert not failure.value.permanent


async def test_a_connection_that_is_never_taken_is_surely_not_delivered() -> None:
    with full_backlog() as port, pytest.raises(DeliveryFailed, match="not handed over"):
        await send(port, 0.5)


async def test_a_failed_tls_handshake_is_surely_not_delivered() -> None:
    offer = mail_server(star=b"220 go on\r\nno TLS\r\n", ehlo=b"250-hello\r\n250 STARTTLS\r\n")
    with faulty(offer) as server, pytest.raises(DeliveryFailed, match="not handed over"):
        await send(server.port, smtp_start_tls=True)
    assert b"Steps: 9" not in server.received


async def test_a_certificate_that_is_not_trusted_is_tried_again(untrusted: ssl.SSLContext) -> None:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=box.port, tls_context=untrusted)
    controller.start()
    try:
        with pytest.raises(DeliveryFailed, match="certificate") as failure:
            await send(box.port, smtp_start_tls=True)
    finally:
        controller.stop()
    assert not failure.value.permanent


@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt"])
@pytest.mark.parametrize("last_words", [b"", b"25"])
async def test_a_connection_lost_before_the_content_is_surely_not_delivered(step: str, last_words: bytes) -> None:
    with faulty(mail_server(**{step: last_words})) as server, pytest.raises(DeliveryFailed, match="not handed over"):
        await send(server.port)
    assert b"Steps: 9" not in server.received


@pytest.mark.parametrize("last_words", [b"cut", b"", b"25"], ids=["in the content", "after it", "in the answer"])
async def test_a_connection_lost_after_the_content_began_is_uncertain(last_words: bytes) -> None:
    with faulty(mail_server(content=last_words)) as server, pytest.raises(DeliveryUncertain):
        await send(server.port)
    assert server.clients == 1


async def test_silence_after_the_content_is_uncertain_and_before_it_is_not() -> None:
    def silent_after(words: bytes) -> Callable[[socket.socket], None]:
        def dialogue(client: socket.socket) -> None:
            mail_server(**({"content": words} if words else {"rcpt": b""}))(client)
            time.sleep(3)

        return dialogue

    with faulty(silent_after(b"2")) as server, pytest.raises(DeliveryUncertain):
        await send(server.port, 0.5)
    with faulty(silent_after(b"")) as server, pytest.raises(DeliveryFailed, match="not handed over"):
        await send(server.port, 0.5)


async def test_steps_that_are_each_in_time_do_not_outlast_the_limit() -> None:
    def slow(client: socket.socket) -> None:
        time.sleep(0.42)
        client.sendall(b"220 hello\r\n")
        while True:
            read_until(client, b"\r\n")
            time.sleep(0.42)
            client.sendall(b"250 ok\r\n")

    with faulty(slow) as server, pytest.raises(DeliveryFailed, match="not handed over"):
        await send(server.port, 0.5)
    assert b"DATA" not in server.received


async def test_a_taken_message_is_delivered_however_the_goodbye_goes() -> None:
    for goodbye in (b"221 bye\r\n", b"421 no\r\n", b""):
        with faulty(mail_server(quit=goodbye)) as server:
            await send(server.port)
        assert b"Training finished" in server.received


@pytest.mark.parametrize("step", ["greeting", "mail", "rcpt", "data", "content"])
@pytest.mark.parametrize(("code", "permanent"), [(451, False), (550, True)])
async def test_a_refusal_is_surely_not_delivered(step: str, code: int, permanent: bool) -> None:
    refusing = mail_server(**{step: f"{code} no\r\n".encode()})
    with faulty(refusing) as server, pytest.raises(DeliveryFailed, match=str(code)) as failure:
        await send(server.port)
    assert failure.value.permanent == permanent


async def test_an_address_that_is_none_is_refused_for_good() -> None:
    forged = replace(NOTIFICATION, recipient="a@b\r\nRCPT TO:<x@y>")
    with faulty(mail_server()) as server, pytest.raises(DeliveryFailed) as failure:
        await send(server.port, notification=forged)
    assert failure.value.permanent
    assert b"x@y" not in server.received
