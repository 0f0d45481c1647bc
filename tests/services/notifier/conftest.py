"""A running notifier, a real SMTP server and a local webhook receiver."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from chassis.runtime import ServiceRuntime
from contracts.envelope import EventData, new_event
from services.notifier.adapters.tables import deliveries
from services.notifier.app import build_runtime
from services.notifier.settings import Settings
from tests.fixtures.waiting import tries
from tests.services.notifier.mailbox import Mailbox, receiving


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with receiving() as box:
        yield box


class Webhook:
    """Answers `statuses` first (status, headers), then 200 ok."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.tries = 0
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.hold = threading.Event()
        self.hold.set()
        self.url = ""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    received = Webhook()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.tries += 1
            status, headers = received.answers.pop(0) if received.answers else (200, {})
            if status == 200:
                received.posts.append(body)
            received.hold.wait(10)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"ok" if status == 200 else b"no")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    received.url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/secret"
    yield received
    received.hold.set()
    server.shutdown()


class World:
    def __init__(self, database: Any, jetstream: Any, build: Any) -> None:
        self.database, self._jetstream, self._build = database, jetstream, build

    @asynccontextmanager
    async def notifier(
        self, senders: Any = None, clock: Any = None, **settings: Any
    ) -> AsyncIterator[ServiceRuntime]:
        runtime = build_runtime(self._build(**settings), senders=senders, clock=clock)
        async with runtime.lifespan():
            yield runtime

    async def tell(self, data: EventData, *, event_id=None, dedup: str | None = None) -> Any:
        event = new_event(data, source="/test", event_id=event_id)
        await self._jetstream.publish(event.subject, event.to_bytes(), headers={"Nats-Msg-Id": dedup or str(event.id)})
        return event

    async def rows(self) -> list[Any]:
        async with self.database.read() as connection:
            return list(await connection.execute(select(deliveries).order_by(deliveries.c.created_at)))

    async def settled(self, *statuses: str, count: int = 1) -> list[Any]:
        """The rows, once `count` of them have one of these statuses."""
        async for _ in tries():
            rows = await self.rows()
            if sum(row.status in statuses for row in rows) >= count:
                return rows
        raise AssertionError(f"deliveries never became {statuses}: {[(r.status, r.last_error) for r in rows]}")


@pytest_asyncio.fixture
async def world(fresh_database, settings_for, topology, jetstream):
    database = await fresh_database("services.notifier")

    def build(**overrides: Any) -> Settings:
        base = settings_for(
            "notifier",
            database_url=database.url,
            poll_s=0.2,
            smtp_start_tls=False,
            send_timeout_s=2,
            retry_delays_s=(0.1, 0.2, 0.4),
        )
        return Settings(**{**base, **overrides})

    yield World(database, jetstream, build)
