"""A server that answers what a test tells it to: for faults that the real API does not make on demand."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from brightrun.credentials import Credentials


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


def problem(status: int, code: str, detail: str = "It does not work.", fix: str = "Do it otherwise.") -> Answer:
    document = {"title": "No", "status": status, "detail": detail, "code": code, "suggested_fix": fix}
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/problem+json"})


@dataclass
class FaultyApi:
    """Gives `answers` in turn, the last one for ever; `seen` holds (method, path, headers, body)."""

    answers: list[Answer] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.url, "br_test")


@pytest.fixture
def faulty_api() -> Iterator[FaultyApi]:
    api = FaultyApi()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            api.seen.append((self.command, self.path, dict(self.headers), body))
            answer = api.next()
            self.send_response(answer.status)
            for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    yield api
    server.shutdown()


@pytest.fixture
def as_user(faulty_api: FaultyApi, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The command line talks to the faulty server."""
    monkeypatch.setenv("BRIGHTRUN_URL", faulty_api.url)
    monkeypatch.setenv("BRIGHTRUN_API_KEY", "br_test")
    return lambda: None


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brightrun.http._pause_s", lambda number: 0.01)
