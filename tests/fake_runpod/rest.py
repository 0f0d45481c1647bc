"""REST v2, as far as pods, catalogue, volumes and pods' bills go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fake_runpod.account import Account, Refused
from tests.fake_runpod.billing import pod_bills
from tests.fake_runpod.catalog import DATA_CENTERS, describe_gpu
from tests.fake_runpod.faults import CreateFault
from tests.fake_runpod.orders import read_order
from tests.fake_runpod.pods import ACTIONS, FakePod

TITLES = {400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
          409: "Conflict", 410: "Gone", 422: "Unprocessable Entity", 429: "Too Many Requests"}
LOST_CONNECTION = "lost-connection"


def problem(
    status: int, detail: str, errors: list[str] | None = None, headers: dict[str, str] | None = None
) -> Response:
    body: dict[str, Any] = {"title": TITLES.get(status, "Upstream Error"), "status": status, "detail": detail}
    body |= {"errors": errors} if errors else {}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


class Rest:
    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[Route]:
        return [
            Route("/v2/pods", self.list_pods, methods=["GET"]),
            Route("/v2/pods", self.create_pod, methods=["POST"]),
            Route("/v2/pods/{id}", self.get_pod, methods=["GET"]),
            Route("/v2/pods/{id}", self.delete_pod, methods=["DELETE"]),
            Route("/v2/pods/{id}/logs", self.logs, methods=["GET"]),
            Route("/v2/catalog/gpus", self.gpus, methods=["GET"]),
            Route("/v2/catalog/datacenters", self.data_centers, methods=["GET"]),
            Route("/v2/network-volumes", self.list_volumes, methods=["GET"]),
            Route("/v2/network-volumes", self.create_volume, methods=["POST"]),
            Route("/v2/billing/pods", self.bills, methods=["GET"]),
        ]

    async def list_pods(self, request: Request) -> Response:
        return JSONResponse({"pods": [self._listed(pod) for pod in self._account.listed()]})

    async def create_pod(self, request: Request) -> Response:
        order, faults = read_order(await request.body()), self._account.faults
        fault = faults.next_create()
        if fault is CreateFault.ERROR_BEFORE:
            raise Refused(502, "upstream failure")
        pod = self._account.create(order)
        if fault is CreateFault.TWICE:
            self._account.create(order)
        if fault is CreateFault.ERROR_AFTER:
            raise Refused(500, "internal error")
        if fault is CreateFault.SLOW_ANSWER:
            await asyncio.sleep(faults.slow_s)
        headers = {LOST_CONNECTION: "1"} if fault is CreateFault.LOST_ANSWER else None
        return JSONResponse(pod.describe(self._account.now()), 201, headers)

    async def get_pod(self, request: Request) -> Response:
        return JSONResponse(self._pod(request).describe(self._account.now()))

    async def delete_pod(self, request: Request) -> Response:
        pod, faults = self._pod(request), self._account.faults
        if (status := faults.next_delete()) is not None:
            raise Refused(status, "upstream failure")
        self._account.terminate(pod.id)
        return Response(status_code=204)

    async def logs(self, request: Request) -> Response:
        return StreamingResponse(_log_events(self._pod(request), self._account.now()), media_type="text/event-stream")

    async def gpus(self, request: Request) -> Response:
        wanted = request.query_params
        with_availability = wanted.get("include") == "AVAILABILITY"
        if with_availability and "product" not in wanted:
            raise Refused(400, "product is required with include=AVAILABILITY")
        if not with_availability and {"product", "cloud", "minCudaVersion"} & set(wanted):
            raise Refused(400, "product, cloud and minCudaVersion need include=AVAILABILITY")
        return JSONResponse({"gpus": [
            describe_gpu(gpu, wanted.get("minCudaVersion"), sold_out=self._account.sold_out(),
                         with_availability=with_availability) for gpu in self._account.gpus.values()]})

    async def data_centers(self, request: Request) -> Response:
        return JSONResponse({"dataCenters": [
            {"id": place, "name": place, "region": region, "networkVolumeTypes": ["STANDARD"], "compliance": [],
             "globalNetwork": True} for place, region in DATA_CENTERS.items()]})

    async def list_volumes(self, request: Request) -> Response:
        return JSONResponse({"networkVolumes": list(self._account.volumes.values())})

    async def create_volume(self, request: Request) -> Response:
        wanted = await request.json()
        if wanted["dataCenter"] not in DATA_CENTERS:
            raise Refused(400, f"unknown data center {wanted['dataCenter']}")
        volume = {"id": uuid4().hex[:10], "type": "STANDARD", **wanted}
        self._account.volumes[volume["id"]] = volume
        return JSONResponse(volume, 201)

    async def bills(self, request: Request) -> Response:
        return JSONResponse(pod_bills(self._account, request.query_params.get("podId")))

    def _listed(self, pod: FakePod) -> dict[str, Any]:
        """A list that lags shows a deleted pod as it was."""
        shown = pod.describe(self._account.now())
        return shown if pod.exists else {**shown, "status": "RUNNING", "actions": ACTIONS["RUNNING"]}

    def _pod(self, request: Request) -> FakePod:
        pod = self._account.pods.get(request.path_params["id"])
        if pod is None or not pod.exists:
            raise Refused(404, "pod not found")
        return pod


async def _log_events(pod: FakePod, now: datetime) -> AsyncIterator[str]:
    """What was written so far and what is still being written, until nobody listens."""
    said, moment = 0, now.isoformat()
    while True:
        lines = pod.container.log.read_text().splitlines() if pod.container.log.exists() else []
        for line in lines[said:]:
            said += 1
            data = json.dumps({"ts": moment, "source": "container", "line": line})
            yield f"id: {moment}/{said:012d}\ndata: {data}\n\n"
        await asyncio.sleep(0.05)
