"""Requests with retries that cannot repeat an effect: one Idempotency-Key per call, kept over its retries."""

import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import httpx

from brightrun.credentials import Credentials
from brightrun.errors import ApiError, Unreachable
from contracts.problem import Problem

_RETRIED = {408, 429, 500, 502, 503, 504}
_TRIES = 4
# Longer than that nobody is kept waiting without a word: the error says when to come back.
_LONGEST_WAIT_S = 60.0


class Http:
    """`timeout_s` bounds each wait for the server, not a whole transfer. `pool`: connections that callers with
    different keys share; it is its owner's to close. `headers` go with every request. A server that asks for a longer
    pause than `longest_wait_s` is not tried again."""

    def __init__(
        self, credentials: Credentials, *, timeout_s: float = 30.0, tries: int = _TRIES,
        pool: httpx.Client | None = None, headers: dict[str, str] | None = None,
        longest_wait_s: float = _LONGEST_WAIT_S,
    ) -> None:
        self.credentials, self._tries, self._pool, self._longest_wait_s = credentials, tries, pool, longest_wait_s
        self._headers = authorized(credentials) | (headers or {})
        self._client = pool or httpx.Client(timeout=timeout_s)

    def close(self) -> None:
        if self._pool is None:
            self._client.close()

    def json(self, method: str, path: str, **arguments: Any) -> Any:
        """The decoded answer. Raises ApiError or Unreachable."""
        return self.send(method, path, **arguments).json()

    def send(self, method: str, path: str, *, rewind: Any = None, **arguments: Any) -> httpx.Response:
        """Send, and again after a passing failure. `rewind` is called before each try (an open file's seek)."""
        once = {"Idempotency-Key": str(uuid4())} if method == "POST" else {}
        arguments["headers"] = self._with_headers(arguments, once)
        failure: Exception | None = None
        for number in range(1, self._tries + 1):
            wanted_s = 0.0
            if rewind is not None:
                rewind()
            try:
                response = self._client.request(method, self._url(path), **arguments)
            except httpx.TransportError as error:
                failure = self._unreachable(error)
            else:
                if response.is_success:
                    return response
                failure = ApiError(problem_of(response))
                wanted_s = _retry_after_s(response)
                if not _may_retry(response) or wanted_s > self._longest_wait_s:
                    break
            if number < self._tries:
                time.sleep(max(_pause_s(number), wanted_s))
        assert failure is not None
        raise failure

    def stream(self, method: str, path: str, **arguments: Any) -> Any:
        """An open response, as a context manager of httpx."""
        arguments["headers"] = self._with_headers(arguments)
        return self._client.stream(method, self._url(path), **arguments)

    def _url(self, path: str) -> str:
        return f"{self.credentials.url.rstrip('/')}{path}"

    def _with_headers(self, arguments: dict[str, Any], more: dict[str, str] | None = None) -> dict[str, str]:
        return self._headers | (more or {}) | arguments.get("headers", {})

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = str(error) or type(error).__name__
        return Unreachable(
            f"The API at {self.credentials.url} does not answer ({reason}).",
            "Is it running? `make status` says so; `make up` starts it. `brightrun doctor` finds out more.",
        )


def authorized(credentials: Credentials) -> dict[str, str]:
    """The headers that say who asks; without a key nobody does, which a few requests take."""
    who = {"Authorization": f"Bearer {credentials.api_key}"} if credentials.api_key else {}
    return who | {"User-Agent": "brightrun"}


def problem_of(response: httpx.Response) -> Problem:
    """The problem document of an answer, or one made from its status when something else answered."""
    try:
        response.read()
        document = response.json()
        if "code" in document and "status" in document:
            return Problem.model_validate(document)
    except (ValueError, TypeError):
        pass
    return Problem(
        title=response.reason_phrase or "Error",
        status=response.status_code,
        code="unexpected_answer",
        detail=f"{response.request.url.path} answered {response.status_code} without a problem document.",
        suggested_fix="Check that BRIGHTRUN_URL is the address of the API.",
    )


def _may_retry(response: httpx.Response) -> bool:
    wish = response.headers.get("x-should-retry")
    return response.status_code in _RETRIED if wish is None else wish == "true"


def _retry_after_s(response: httpx.Response) -> float:
    """Seconds that the server asks to wait (RFC 9110, 10.2.3: a number or a date); 0 where it says nothing."""
    wish = response.headers.get("retry-after", "").strip()
    if wish.isdecimal():
        return float(wish)
    try:
        return max(0.0, (parsedate_to_datetime(wish) - datetime.now(UTC)).total_seconds()) if wish else 0.0
    except (ValueError, TypeError):
        return 0.0


def _pause_s(number: int) -> float:
    """0.5, 1, 2 seconds, a little shortened at random."""
    return 0.5 * 2.0 ** (number - 1) * random.uniform(0.75, 1.0)
