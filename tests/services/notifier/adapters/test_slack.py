"""What is known of a message to Slack when the connection breaks, and when."""

import socket
import ssl
import time
from collections.abc import Awaitable, Callable

import pytest

from contracts.identifiers import uuid7
from services.notifier.adapters.slack import SlackSender
from services.notifier.ports import DeliveryFailed, DeliveryUncertain, Notification
from stack.parts import free_port
from tests.services.notifier.adapters.faulty_server import faulty, full_backlog

NOTIFICATION = Notification(uuid7(), "", "Training finished: tone", ("Steps: 9", "x" * 2_500), "https://example.org/1")


def read_head(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(64)
    return data


def read_all(client: socket.socket) -> None:
    head, _, body = read_head(client).partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
    while len(body) < length:
        body += client.recv(length - len(body))


def then(answer: bytes) -> Callable[[socket.socket], None]:
    def dialogue(client: socket.socket) -> None:
        read_all(client)
        client.sendall(answer)

    return dialogue


def send(port: int, *, scheme: str = "http", timeout_s: float = 1.0) -> Awaitable[None]:
    url = f"{scheme}://127.0.0.1:{port}/services/T0/B0/secret"
    return SlackSender(url, timeout_s, 3 * timeout_s).send(NOTIFICATION)


async def test_a_refused_connection_is_surely_not_delivered() -> None:
    with pytest.raises(DeliveryFailed, match="not reachable") as failure:
        await send(free_port())
    assert not failure.value.permanent


async def test_an_unknown_host_is_surely_not_delivered() -> None:
    with pytest.raises(DeliveryFailed, match="not reachable"):
        await SlackSender("http://no-such-host.invalid/services/secret", 1, 3).send(NOTIFICATION)


async def test_a_connection_that_is_never_taken_is_surely_not_delivered() -> None:
    with full_backlog() as port, pytest.raises(DeliveryFailed, match="not reachable"):
        await send(port, timeout_s=0.5)


async def test_a_failed_tls_handshake_is_surely_not_delivered() -> None:
    plain = faulty(lambda client: client.sendall(b"this is no TLS\r\n"))
    with plain as server, pytest.raises(DeliveryFailed, match="not reachable"):
        await send(server.port, scheme="https")
    assert b"Training finished" not in server.received


async def test_a_certificate_that_is_not_trusted_is_surely_not_delivered(untrusted: ssl.SSLContext) -> None:
    def tls(client: socket.socket) -> None:
        untrusted.wrap_socket(client.plain, server_side=True).recv(1)

    with faulty(tls) as server, pytest.raises(DeliveryFailed, match="certificate") as failure:
        await send(server.port, scheme="https")
    assert not failure.value.permanent


@pytest.mark.parametrize(
    "dialogue",
    [lambda client: client.recv(1), read_head, read_all, then(b"HTTP/1.1 20"), then(b"HTTP/1.1 200 OK\r\nConte")],
    ids=["at its first byte", "during the request", "after the request", "in the status line", "in the headers"],
)
async def test_a_connection_lost_after_it_stood_is_uncertain(dialogue: Callable[[socket.socket], None]) -> None:
    with faulty(dialogue) as server, pytest.raises(DeliveryUncertain):
        await send(server.port)
    assert server.clients == 1


async def test_silence_after_the_request_is_uncertain() -> None:
    with faulty(lambda client: (read_all(client), client.recv(1))) as server, pytest.raises(DeliveryUncertain):
        await send(server.port, timeout_s=0.5)


async def test_an_answer_that_never_ends_is_uncertain() -> None:
    def drip(client: socket.socket) -> None:
        read_all(client)
        client.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            time.sleep(0.1)
            client.sendall(f"x-{number}: 1\r\n".encode())

    with faulty(drip) as server, pytest.raises(DeliveryUncertain):
        await send(server.port, timeout_s=0.3)




async def test_an_accepted_message_whose_answer_breaks_off_is_delivered() -> None:
    with faulty(then(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\no")) as server:
        await send(server.port)
    assert b"Training finished" in server.received


@pytest.mark.parametrize(("status", "permanent"), [(404, True), (410, True), (408, False), (429, False), (500, False)])
async def test_a_refusal_is_surely_not_delivered(status: int, permanent: bool) -> None:
    answer = f"HTTP/1.1 {status} No\r\nRetry-After: 7\r\nContent-Length: 10\r\n\r\nno_service".encode()
    with faulty(then(answer)) as server, pytest.raises(DeliveryFailed, match=str(status)) as failure:
        await send(server.port)
    assert (failure.value.permanent, failure.value.retry_after_s) == (permanent, 7.0)
    assert "no_service" in str(failure.value)
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize("status", [502, 504])
async def test_a_gateway_that_lost_slack_leaves_it_uncertain(status: int) -> None:
    gateway = then(f"HTTP/1.1 {status} Gateway\r\nContent-Length: 0\r\n\r\n".encode())
    with faulty(gateway) as server, pytest.raises(DeliveryUncertain, match=str(status)):
        await send(server.port)


@pytest.mark.parametrize("answer", [b"200 OK\r\nContent-Length: 2\r\n\r\nok", b"204 No Content\r\n\r\n"])
async def test_an_accepted_message_is_delivered(answer: bytes) -> None:
    with faulty(then(b"HTTP/1.1 " + answer)) as server:
        await send(server.port)
    assert server.clients == 1
