"""The connection to NATS, kept for as long as the process lives."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import nats.errors
from nats.aio.client import Client, RawCredentials
from nats.js import JetStreamContext
from pydantic import BaseModel, ValidationError

from contracts.envelope import Event
from contracts.pod_environment import PodSpec
from contracts.problem import Problem
from contracts.rpc.spec import PodRpc
from trainer_image.headers import message_headers
from trainer_image.tls import new_client

_log = logging.getLogger(__name__)

_PROBLEM = "application/problem+json"
_RECONNECT_S = 0.25
Reply = TypeVar("Reply", bound=BaseModel)


class NoAnswer(Exception):
    """The broker or the other side is away; worth another try."""


class Refused(Exception):
    """The other side answered no; asking again changes nothing."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code}: {problem.detail}")
        self.problem = problem


class Broker:
    """Belongs to one event loop. The pod's key allows its own job's subjects and its own inbox only."""

    def __init__(self, spec: PodSpec, credentials: str, *, on_connected: Callable[[], None]) -> None:
        self._spec, self._credentials, self._on_connected = spec, credentials, on_connected
        self._client: Client | None = None
        self._connected = asyncio.Event()

    async def stay_connected(self) -> None:
        """Connect and reconnect for ever; a closed connection (a refused key, say) is opened anew."""
        while True:
            closed = asyncio.Event()
            self._client = await self._connect(closed)
            self._mark_connected()
            _log.info("connected to the broker")
            await closed.wait()
            self._connected.clear()
            await asyncio.sleep(1.0)

    async def _connect(self, closed: asyncio.Event) -> Client:
        async def on_disconnected() -> None:
            self._connected.clear()
            _log.warning("the broker is away; the training goes on, events wait on disk")

        async def on_reconnected() -> None:
            _log.info("the broker is back")
            self._mark_connected()

        async def on_error(error: Exception) -> None:
            _log.log(logging.WARNING if self._connected.is_set() else logging.DEBUG, "broker: %s", error)

        async def on_closed() -> None:
            closed.set()

        keys: dict[str, Any] = (
            {"user_credentials": RawCredentials(self._credentials)} if self._credentials.strip() else {})
        client, tls = new_client(self._spec)
        await client.connect(
            self._spec.nats_url, name=self._spec.pod_name, inbox_prefix=f"_INBOX_{self._spec.job_id}",
            max_reconnect_attempts=-1, connect_timeout=3,
            reconnect_time_wait=_RECONNECT_S,  # type: ignore[arg-type]
            ping_interval=5, max_outstanding_pings=2, disconnected_cb=on_disconnected,
            reconnected_cb=on_reconnected, error_cb=on_error, closed_cb=on_closed, **keys, **tls,
        )
        return client

    def _mark_connected(self) -> None:
        self._connected.set()
        self._on_connected()

    async def connected(self) -> None:
        await self._connected.wait()

    def _usable(self) -> Client:
        if self._client is None or not self._client.is_connected:
            raise NoAnswer("not connected to the broker")
        return self._client

    def stream(self) -> JetStreamContext:
        """Raises NoAnswer while there is no connection."""
        return self._usable().jetstream()

    async def publish(self, event: Event[Any]) -> None:
        """One try, without waiting for more than the broker's confirmation."""
        try:
            await self.stream().publish(event.subject, event.to_bytes(), timeout=2.0,
                                        headers=message_headers(str(event.id), event.traceparent))
        except (NoAnswer, nats.errors.Error, OSError) as error:
            _log.info("not confirmed at once: %r", error)

    async def ask(self, rpc: PodRpc[Any, Reply], request: BaseModel, timeout_s: float) -> Reply:
        """Raises NoAnswer or Refused."""
        try:
            message = await self._usable().request(
                rpc.subject(self._spec.job_id), request.model_dump_json().encode(), timeout=timeout_s,
                headers={"traceparent": self._spec.traceparent} if self._spec.traceparent else None,
            )
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise NoAnswer(f"no answer to {rpc.method}: {error!r}") from error
        if (message.headers or {}).get("content-type") == _PROBLEM:
            problem = Problem.model_validate_json(message.data)
            if problem.status >= 500 or problem.status == 429:
                raise NoAnswer(f"{rpc.method}: {problem.detail}")
            raise Refused(problem)
        try:
            return rpc.reply.model_validate_json(message.data)
        except ValidationError as error:
            raise NoAnswer(f"the answer to {rpc.method} was not understood: {error}") from error
