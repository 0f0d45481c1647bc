"""What the stack makes of a service's answers."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from stack.health import Health, service_health
from stack.parts import free_port
from stack.state import ProgramState

Answering = Callable[..., ProgramState]
OK = {"status": "ok"}


@pytest.fixture
def answering() -> Iterator[Answering]:
    """A program whose operations port answers with this status and document; `port` is the public one."""
    servers = []

    def serve(status: int, document: dict[str, Any], port: int = 0) -> ProgramState:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        own = servers[-1].server_address[1]
        return ProgramState("job_api", "service", "127.0.0.1", port or own, "", f"http://127.0.0.1:{own}/health/ready")

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_ready(answering: Answering) -> None:
    assert service_health(answering(200, {"status": "ready", "checks": {"database": OK}})) == Health(True)


def test_what_is_wrong_is_told_of_a_service_that_is_ready(answering: Answering) -> None:
    document = {"status": "ready", "checks": {"database": OK, "nats": {"status": "degraded", "detail": "it is away"}}}
    assert service_health(answering(200, document)) == Health(True, "nats: it is away")


def test_what_is_wrong_is_told_of_a_service_that_is_not_ready(answering: Answering) -> None:
    document = {"status": "unready", "checks": {"database": {"status": "failed"}}}
    assert service_health(answering(503, document)) == Health(False, "database: failed")


def test_what_a_start_waits_for_is_told_before_the_public_port_is_there(answering: Answering) -> None:
    starting = answering(503, {"status": "starting", "checks": {}, "waiting_for": "nats"}, port=free_port())
    assert service_health(starting) == Health(False, "starting, waits for nats")


def test_without_the_public_port_nothing_is_ready(answering: Answering) -> None:
    document = {"status": "ready", "checks": {}}
    assert service_health(answering(200, document, port=free_port())) == Health(False, "does not answer yet")
