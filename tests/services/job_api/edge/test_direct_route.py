"""Reads on the short way answer as they would on the usual one."""

import re
from typing import Annotated
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute
from prometheus_client import generate_latest

from contracts.identifiers import uuid7
from services.job_api.edge.auth import Principal, Reader, Role
from services.job_api.edge.direct_route import DirectRoute
from tests.chassis.web.conftest import StoredKeys

ID = "0198a000-0000-7000-8000-0000000000af"


def of_kind(route_class: type[APIRoute], prefix: str) -> APIRouter:
    router = APIRouter(prefix=prefix, route_class=route_class)

    @router.get("/things/{thing_id}")
    async def thing(thing_id: UUID, principal: Reader) -> Response:
        return Response(f"{thing_id} {principal.subject}")

    @router.get("/path")
    async def path(request: Request, principal: Reader) -> Response:
        return Response(request.url.path.removeprefix(prefix))

    return router


@pytest.fixture(autouse=True)
def routes(app: FastAPI) -> None:
    for kind, prefix in ((DirectRoute, "/direct"), (APIRoute, "/usual")):
        app.router.routes.extend(of_kind(kind, prefix).routes)


@pytest.mark.parametrize("path", [f"/things/{ID}", f"/things/{ID.upper()}", "/things/7", "/things/ ", "/path"])
async def test_both_ways_answer_alike(client: httpx.AsyncClient, keys: StoredKeys, path: str) -> None:
    for key in (keys.issue(Role.ENGINEER), keys.issue(), "br_wrong", ""):
        headers = {"x-api-key": key} if key else {}
        direct, usual = [await client.get(f"/{way}{path}", headers=headers) for way in ("direct", "usual")]
        assert direct.status_code == usual.status_code
        assert _without_trace(direct.text.replace("/direct", "/usual")) == _without_trace(usual.text)


def _without_trace(text: str) -> str:
    """Each request has its own, once a test before this one has configured tracing."""
    return re.sub(r'"trace_id":"[0-9a-f]{32}",?', "", text)


async def test_both_ways_are_documented_alike(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path in ("/things/{thing_id}", "/path"):
        direct, usual = [paths[f"/{way}{path}"]["get"] for way in ("direct", "usual")]
        assert {**direct, "operationId": ""} == {**usual, "operationId": ""}
        assert usual["security"] == [{"bearer": []}, {"api_key": []}]


def test_what_wants_more_goes_the_usual_way() -> None:
    router = APIRouter(route_class=DirectRoute)

    def in_a_thread(request: Request) -> int:
        return 1

    @router.get("/query")
    async def query(principal: Reader, limit: int = 1) -> Response: ...

    @router.get("/model")
    async def model(principal: Reader) -> dict[str, int]: ...

    @router.get("/thread")
    async def thread(number: Annotated[int, Depends(in_a_thread)]) -> Response: ...

    @router.get("/text/{name}")
    async def text(name: str, principal: Annotated[Principal, Depends(in_a_thread)]) -> Response: ...

    assert [route.is_direct for route in router.routes if isinstance(route, DirectRoute)] == [False] * 4


async def test_the_reads_that_clients_poll_are_direct_and_counted_by_their_whole_path(api) -> None:
    direct = {route.path for route in api.app.routes if isinstance(route, DirectRoute) and route.is_direct}
    assert {"/api/training/jobs/{job_id}", "/api/training/presets"} <= direct
    assert (await api.client.get(f"/jobs/{uuid7()}")).status_code == 404
    metrics = generate_latest(api.app.state.runtime.registry).decode()
    assert 'route="/api/training/jobs/{job_id}",status="404"} 1.0' in metrics
