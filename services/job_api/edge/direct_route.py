"""Simple reads without FastAPI's solving of dependencies, which costs more than the read itself.

A route takes the short way when its endpoint wants nothing but the request, ids from its path and dependencies that
take nothing but the request. The signature stays what it is and documents what it documented. What the short way does
not understand goes the usual one, so that errors are the same.
"""

import re
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from starlette.types import ASGIApp, Receive, Scope, Send

Provider = Callable[..., Awaitable[Any]]
_CANONICAL_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class DirectRoute(APIRoute):
    """For APIRouter(route_class=...); the route must stand in the app's own table."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.is_direct:
            self.app = _direct(self.endpoint, self.dependant, usual=self.app)

    @property
    def is_direct(self) -> bool:
        return _is_simple(self.dependant)


def _direct(endpoint: Provider, dependant: Dependant, usual: ASGIApp) -> ASGIApp:
    """What it raises is answered by the app's handlers of exceptions, as everywhere."""
    ids, own = tuple(field.name for field in dependant.path_params), dependant.request_param_name
    providers: tuple[tuple[str, Any, str], ...] = tuple(
        (str(each.name), each.call, str(each.request_param_name)) for each in dependant.dependencies)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        given = scope["path_params"]
        if not all(_CANONICAL_ID.fullmatch(given[name]) for name in ids):
            await usual(scope, receive, send)
            return
        request = Request(scope, receive, send)
        values: dict[str, Any] = {name: UUID(given[name]) for name in ids}
        if own:
            values[own] = request
        for name, provide, takes in providers:
            values[name] = await provide(**{takes: request})
        response: Response = await endpoint(**values)
        await response(scope, receive, send)

    return answer


def _is_simple(dependant: Dependant) -> bool:
    """An endpoint that makes its Response itself."""
    returns = dependant.call.__annotations__.get("return") if dependant.call else None
    return (
        isinstance(returns, type) and issubclass(returns, Response) and iscoroutinefunction(dependant.call)
        and not _takes_more(dependant)
        and all(field.field_info.annotation is UUID for field in dependant.path_params)
        and all(map(_takes_the_request, dependant.dependencies)))


def _takes_the_request(dependant: Dependant) -> bool:
    """Security schemes below it are documentation: they raise nothing."""
    documentation = all(isinstance(each.call, SecurityBase) and not getattr(each.call, "auto_error", True)
                        for each in dependant.dependencies)
    return (documentation and dependant.request_param_name is not None and not dependant.path_params
            and not _takes_more(dependant) and iscoroutinefunction(dependant.call))


def _takes_more(dependant: Dependant) -> bool:
    return any((
        dependant.query_params, dependant.header_params, dependant.cookie_params, dependant.body_params,
        dependant.websocket_param_name, dependant.http_connection_param_name, dependant.response_param_name,
        dependant.background_tasks_param_name, dependant.security_scopes_param_name))
