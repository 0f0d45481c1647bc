"""The edge: every error of a FastAPI or Starlette app leaves it as `application/problem+json`."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.observability.logs import redact
from chassis.observability.tracing import current_trace_id
from chassis.problems.errors import DOCS, MEDIA_TYPE, ProblemError
from chassis.problems.failures import problem_for
from chassis.web.problems.methods import allowed_methods
from chassis.web.problems.openapi import document_problems
from chassis.web.problems.validation import validation_problem

log = structlog.get_logger(__name__)

_FIXES = {
    400: "Check that the body is complete and has the content type the API documentation names.",
    404: "Check the path against the API documentation.",
    405: "Use one of the methods listed in the Allow header.",
    413: "Send a smaller body.",
    415: "Send the content type named in the API documentation.",
}


def install(app: FastAPI, error_docs: str = DOCS) -> None:
    """Problem documents for our errors, validation errors, HTTP errors and everything unexpected; OpenAPI too.

    `error_docs`: the address of the page that explains the codes.
    """
    app.state.error_docs = error_docs
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_middleware(UnexpectedErrorMiddleware)
    document_problems(app)


def problem_response(error: ProblemError, scope: Scope) -> Response:
    """The HTTP response for `error`; `instance` is the request's path, `trace_id` finds it in logs and traces. Layers
    around the app find the code in the scope, as `problem_code`."""
    scope["problem_code"] = error.code
    problem = error.to_problem(
        instance=scope.get("path"), trace_id=scope.get("trace_id") or current_trace_id(), error_docs=error_docs(scope))
    body = orjson.dumps(problem.model_dump(mode="json", exclude_none=True))
    return Response(body, error.status, error.headers, MEDIA_TYPE)


def error_docs(scope: Scope) -> str:
    """The page that explains the codes of the app that serves this request."""
    return getattr(getattr(scope.get("app"), "state", None), "error_docs", DOCS)


def http_problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> ProblemError:
    """A problem for a bare HTTP status as frameworks raise it: unknown path, wrong method, broken multipart body."""
    phrase = HTTPStatus(status).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_").replace("'", "")
    error = ProblemError(code, phrase, status, detail or phrase, _FIXES.get(status, ""))
    if headers and "retry-after" in {name.lower() for name in headers}:
        error.extra["retry_after_s"] = 1
    return error


class UnexpectedErrorMiddleware:
    """Turns what no handler caught into a problem document, or whatever `answer` makes of it; the details go to the
    log, never to the caller."""

    def __init__(self, app: ASGIApp, answer: Callable[[ProblemError, Scope], Response] = problem_response) -> None:
        self.app, self._answer = app, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except ClientDisconnect:
            log.info("caller_went_away", method=scope["method"], path=scope["path"])
        except Exception as error:
            problem = problem_for(error)
            if problem is None:
                log.exception("unexpected_error", method=scope["method"], path=scope["path"])
                problem = _internal_error()
            elif problem is not error:
                log.warning("dependency_failed", code=problem.code, path=scope["path"], error=repr(error))
            if started:  # too late for a document: closing the connection tells the client the body is incomplete
                raise
            await self._answer(problem, scope)(scope, receive, send)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem_response(error, request.scope)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(validation_problem(error.errors()), request.scope)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = redact(error.detail) if isinstance(error.detail, str) else ""
    response = problem_response(http_problem(error.status_code, detail, error.headers), request.scope)
    response.headers.update(error.headers or {})
    if error.status_code == 405:
        response.headers["allow"] = allowed_methods(
            request.app, request.scope["path"], response.headers.get("allow", ""))
    return response


def _internal_error() -> ProblemError:
    return ProblemError(
        "internal_error",
        "Internal error",
        500,
        "Something went wrong on our side; the request may or may not have had an effect.",
        "Repeat the request with the same Idempotency-Key; if it fails again, report the trace_id.",
    )
