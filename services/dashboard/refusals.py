"""What went wrong, as a page that says what, why and what next."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Scope

from brightrun.errors import ApiError, BrightrunError, RefusedFile
from chassis.problems import ProblemError
from services.dashboard.visit import FormRefused, SignInNeeded, visit

_TITLES = {403: "Not allowed", 404: "Not found", 405: "Not possible here", 409: "Not possible now",
           422: "Something in it is wrong", 429: "Too many requests", 500: "Something went wrong"}


def install(app: FastAPI) -> None:
    app.add_exception_handler(SignInNeeded, _on_sign_in_needed)
    app.add_exception_handler(FormRefused, _on_form_refused)
    app.add_exception_handler(BrightrunError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_wrong_address)
    app.add_exception_handler(HTTPException, _on_http_error)


def wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers


def page(request: Request, status: int, title: str, message: str, fix: str = "", code: str = "") -> Response:
    """For a browser a page or what stands in a part of one, for a script of ours the same as JSON."""
    if not wants_page(request):
        return JSONResponse({"title": title, "detail": message, "suggested_fix": fix, "code": code}, status)
    context = {"title": title, "message": message, "fix": fix, "code": code, "number": status,
               "again": _here(request) if request.method == "GET" else ""}
    template = "problem_part.html" if "hx-request" in request.headers else "problem.html"
    return visit(request).page(template, status=status, **context)


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


async def _on_sign_in_needed(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeeded)
    parts = request.app.state.parts
    query = {"next": _here(request) if request.method == "GET" and wants_page(request) else "/"}
    address = f"/sign-in?{urlencode(query | ({'ended': '1'} if error.reason else {}))}"
    if not wants_page(request):
        return JSONResponse({"title": "Sign in", "detail": error.reason or "Nobody is signed in."}, 401)
    response = Response(status_code=401, headers={"HX-Redirect": address}) if "hx-request" in request.headers else (
        RedirectResponse(address, 303))
    if error.reason:
        parts.sessions.forget(response, secure=parts.secure(request))
    return response


async def _on_form_refused(request: Request, _: Exception) -> Response:
    return page(request, 403, "Send it again", "This form was not sent from a page of this session, or it is too old.",
                "Go back, load the page again and send the form once more.", "form_refused")


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, BrightrunError)
    return page(request, **described(error))


def described(error: BrightrunError) -> dict[str, Any]:
    """Status, title, message, fix and code of what the API said, or of its silence."""
    if isinstance(error, ApiError):
        title = _TITLES.get(error.status, error.problem.title)
        if error.status >= 500:
            title = "A service is away" if error.status == 503 else _TITLES[500]
        return {"status": error.status, "title": title, "message": str(error), "fix": error.fix, "code": error.code}
    if isinstance(error, RefusedFile):
        return {"status": 422, "title": "This file was not sent", "message": str(error), "fix": error.fix,
                "code": "file_not_sent"}
    return {"status": 503, "title": "The training service does not answer", "message": str(error),
            "fix": "It may be restarting: running jobs go on. Try again in a moment.", "code": "api_away"}


async def _on_wrong_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["loc"][0] == "path":
        return await _on_http_error(request, HTTPException(404))
    where = str(first["loc"][-1])
    return page(request, 422, "Something in the address is wrong", f"{where}: {first['msg']}",
                "Go back and choose again.", "validation_error")


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = _TITLES.get(error.status_code, HTTPStatus(error.status_code).phrase)
    fix = "Check the address, or go back to the jobs." if error.status_code == 404 else ""
    return page(request, error.status_code, title, "There is no such page." if error.status_code == 404 else title, fix)


def unexpected(problem: ProblemError, scope: Scope) -> Response:
    """The page for what nothing caught."""
    trace = scope.get("trace_id")
    fix = f"Try again. If it stays so, report the trace id {trace}." if trace else "Try again."
    title = _TITLES.get(problem.status, problem.title)
    return page(Request(scope), problem.status, title, "This page could not be made.", fix, problem.code)
