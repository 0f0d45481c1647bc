"""The handlers over FastStream's in-memory broker: no server, no database."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from faststream.nats import NatsBroker, TestNatsBroker

from chassis.clock import FakeClock
from chassis.messaging.middleware import REQUEST_MIDDLEWARES
from chassis.problems import MEDIA_TYPE
from contracts.envelope import new_event
from contracts.problem import Problem
from contracts.registry import EVENTS
from contracts.rpc import pods as rpc
from contracts.rpc.catalog import POD_RPCS, RPCS
from contracts.rpc.health import HEALTH
from contracts.streams import stream_of
from services.provisioner.application.pod_events import SOURCE
from services.provisioner.domain.request_rates import Rate, RequestRates
from services.provisioner.settings import Settings
from services.provisioner.subscribers import events, pod_requests, requests
from tests.services.provisioner.fake_provider import FakeProvider
from tests.services.provisioner.world import POLICY, HandSetDatabaseClock, sigterm, start_request

SUBSCRIBED = {spec.model for spec in EVENTS if "provisioner" in spec.consumers}


class Nothing:
    """The answer of a database that finds nothing and changes nothing."""

    rowcount = 0

    def one_or_none(self) -> None:
        return None


class Transaction:
    def __init__(self) -> None:
        self.statements: list[Any] = []

    async def execute(self, statement: Any, *_: Any) -> Nothing:
        self.statements.append(statement)
        return Nothing()

    @property
    def kinds(self) -> list[str]:
        return [type(statement).__name__.lower() for statement in self.statements]


def broker_of(*routers: Any, middlewares: tuple[Any, ...] = (), **context: Any) -> NatsBroker:
    broker = NatsBroker(serializer=None, logger=None)
    for router in routers:
        broker.include_router(router.copy(), middlewares=middlewares)
    clock = FakeClock()
    given = {"policy": POLICY, "provider": FakeProvider(), "database_clock": HandSetDatabaseClock(clock),
             "clock": clock, "database": None, "objects": None, "settings": Settings(),
             "request_rates": RequestRates({rpc.method: Rate(1, 1.0) for rpc in POD_RPCS})}
    for name, value in (given | context).items():
        broker.context.set_global(name, value)
    return broker


async def delivered(data: Any, source: str = "/trainer") -> Transaction:
    tx, event = Transaction(), new_event(data, source=source)
    async with TestNatsBroker(broker_of(events.events, tx=tx)) as broker:
        await broker.publish(event.to_bytes(), event.subject, stream=stream_of(event.subject))
    return tx


async def asked(subject: str, *bodies: bytes) -> list[Problem]:
    """The problems that came back."""
    broker = broker_of(pod_requests.requests, requests.requests, middlewares=REQUEST_MIDDLEWARES)
    async with TestNatsBroker(broker) as running:
        replies = [await running.request(body, subject, timeout=30) for body in bodies]
    assert all(reply.headers["content-type"] == MEDIA_TYPE for reply in replies)
    return [Problem.model_validate_json(reply.body) for reply in replies]


def test_every_event_of_the_durables_has_a_handler() -> None:
    durables = events.events.durables
    assert {event for durable in durables for event in durable.spec.events} == SUBSCRIBED
    assert [durable.unhandled for durable in durables] == [[], [], []]


def test_every_request_has_an_answer() -> None:
    own = {row.rpc.subject for row in RPCS if row.rpc.service == "provisioner"} - {HEALTH["provisioner"].subject}
    answered = {rpc.subject for rpc, _ in requests.requests._declared}
    assert answered == own
    assert {rpc for rpc, _ in pod_requests.requests._declared} == set(POD_RPCS)


async def test_a_start_that_is_known_already_asks_for_nothing() -> None:
    assert (await delivered(start_request())).kinds == ["insert", "select"]


async def test_our_own_word_about_an_interruption_is_ignored() -> None:
    assert (await delivered(sigterm(uuid4()), SOURCE)).kinds == []
    assert (await delivered(sigterm(uuid4()))).kinds == ["select", "select"]


async def test_a_request_that_is_none_is_answered_with_what_is_wrong() -> None:
    [problem] = await asked(rpc.SIGN_URLS.subject(uuid4()), b'{"attempt": 0, "objects": []}')
    assert (problem.code, problem.status) == ("validation_failed", 422)
    assert {error["field"] for error in problem.errors or []} == {"attempt", "objects"}


async def test_a_job_id_that_is_none_is_refused() -> None:
    [problem] = await asked(rpc.LIST_CHECKPOINTS.subject("nonsense"), b'{"attempt": 1}')
    assert (problem.code, problem.detail) == ("validation_failed", "'nonsense' is no job id.")


@pytest.mark.parametrize("method", POD_RPCS, ids=lambda rpc: rpc.method)
async def test_a_pod_that_floods_does_not_reach_the_database(method: Any) -> None:
    bodies = {
        rpc.HEARTBEAT: b'{"attempt": 1, "sent_at": "2026-01-01T00:00:00Z"}',
        rpc.SIGN_URLS: b'{"attempt": 1, "objects": [{"method": "GET", "area": "artifacts", "key": "a1/x"}]}',
        rpc.LIST_CHECKPOINTS: b'{"attempt": 1}',
        rpc.DELETE_CHECKPOINT: b'{"attempt": 1, "checkpoint_attempt": 1, "step": 1}',
    }
    first, second = await asked(method.subject(uuid4()), bodies[method], bodies[method])
    assert first.code == "internal_error"  # there is no database here
    assert (second.code, second.status) == ("rate_limited", 429)
