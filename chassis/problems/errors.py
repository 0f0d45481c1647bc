"""Errors people can act on: RFC 9457 documents with a stable code, where it is wrong and what to do next.

Retry hints follow what the OpenAI-style clients obey: `x-should-retry` and `Retry-After`. A 409 is permanent unless
the error says `retryable=True`, because such clients repeat a bare 409.
"""

from __future__ import annotations

from typing import Any

from contracts.problem import Problem

# For problems that leave no REST edge: between services, and to pods.
DOCS = "docs/errors.md"
MEDIA_TYPE = "application/problem+json"
_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})


class ProblemError(Exception):
    """Raise it anywhere below a route; the edge turns it into `application/problem+json`.

    `extra` becomes further members of the document (they must be JSON values), except `retryable` (bool) and
    `retry_after_s` (seconds), which also set the response headers. Travels through request/reply unchanged
    (`to_problem` / `from_problem`).
    """

    def __init__(self, code: str, title: str, status: int, detail: str, suggested_fix: str = "", **extra: Any) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.title, self.status = code, title, status
        self.detail, self.suggested_fix, self.extra = detail, suggested_fix, extra

    @property
    def retryable(self) -> bool:
        return bool(self.extra.get("retryable", self.status in _RETRYABLE))

    @property
    def headers(self) -> dict[str, str]:
        headers = {"x-should-retry": "true" if self.retryable else "false"}
        if "retry_after_s" in self.extra:
            headers["retry-after"] = str(max(1, round(self.extra["retry_after_s"])))
        return headers

    def to_problem(
        self, *, instance: str | None = None, trace_id: str | None = None, error_docs: str = DOCS
    ) -> Problem:
        """`error_docs`: where the codes are explained, as whoever gets it can reach it."""
        return Problem(
            type=f"urn:brightrun:problem:{self.code}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            instance=instance,
            code=self.code,
            suggested_fix=self.suggested_fix,
            docs_url=f"{error_docs}#{self.code}",
            trace_id=trace_id,
            **self.extra,
        )

    @staticmethod
    def from_problem(problem: Problem) -> ProblemError:
        """The error another service raised, as it was raised there; `except NotFound` works across services."""
        extra = dict(problem.model_extra or {})
        if problem.errors is not None:
            extra["errors"] = problem.errors
        kind = _BY_STATUS.get(problem.status, ProblemError)
        error = kind.__new__(kind)
        ProblemError.__init__(
            error, problem.code, problem.title, problem.status, problem.detail, problem.suggested_fix, **extra
        )
        return error


class _KnownProblem(ProblemError):
    default_code: str
    default_title: str
    default_status: int
    default_fix: str = ""

    def __init__(self, detail: str, *, code: str = "", title: str = "", suggested_fix: str = "", **extra: Any) -> None:
        super().__init__(
            code or self.default_code,
            title or self.default_title,
            self.default_status,
            detail,
            suggested_fix or self.default_fix,
            **extra,
        )


class BadRequest(_KnownProblem):
    default_code, default_title, default_status = "bad_request", "Bad request", 400


class Unauthenticated(_KnownProblem):
    """Says that authentication failed, never which part of it."""

    default_code, default_title, default_status = "unauthenticated", "Authentication required", 401
    default_fix = "Send a valid API key or token as 'Authorization: Bearer <key>'."

    @property
    def headers(self) -> dict[str, str]:
        challenge = 'Bearer realm="brightrun"'
        if self.code == "invalid_credentials":
            challenge += ', error="invalid_token"'
        return super().headers | {"www-authenticate": challenge}


class Forbidden(_KnownProblem):
    default_code, default_title, default_status = "forbidden", "Not allowed", 403
    default_fix = "Ask an administrator of your workspace for the missing role."


class NotFound(_KnownProblem):
    """Also the answer for things of another workspace: their existence is not revealed."""

    default_code, default_title, default_status = "not_found", "Not found", 404
    default_fix = "Check the id; the list endpoint shows what your workspace has."


class Conflict(_KnownProblem):
    """A state that repeating the request cannot change (`x-should-retry: false`)."""

    default_code, default_title, default_status = "conflict", "Conflict with the current state", 409
    default_fix = "Read the resource again; 'allowed_actions' lists what is possible now."


class PayloadTooLarge(_KnownProblem):
    default_code, default_title, default_status = "payload_too_large", "Payload too large", 413


class Invalid(_KnownProblem):
    """Well-formed but wrong; pass `errors=[{"field": ..., "message": ..., "suggested_fix": ...}]` for each field."""

    default_code, default_title, default_status = "validation_failed", "The request is not valid", 422
    default_fix = "Correct the fields listed under 'errors' and send the request again."


class TooManyRequests(_KnownProblem):
    default_code, default_title, default_status = "rate_limited", "Too many requests", 429
    default_fix = "Wait for the time given in Retry-After, then repeat the request."


class ServiceUnavailable(_KnownProblem):
    """A part of the system does not answer right now; the request had no effect and may be repeated."""

    default_code, default_title, default_status = "service_unavailable", "Temporarily unavailable", 503
    default_fix = "Repeat the request in a few seconds; 'brightrun doctor' shows which part is down."

    def __init__(self, detail: str, *, retry_after_s: float = 2, **more: Any) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, **more)


_BY_STATUS: dict[int, type[ProblemError]] = {
    kind.default_status: kind
    for kind in (
        BadRequest,
        Unauthenticated,
        Forbidden,
        NotFound,
        Conflict,
        PayloadTooLarge,
        Invalid,
        TooManyRequests,
        ServiceUnavailable,
    )
}
