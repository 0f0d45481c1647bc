"""GraphQL: prices for spot machines, and the mutation that rents one. Nothing else of it is spoken."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.fake_runpod.account import Account, Refused
from tests.fake_runpod.catalog import Gpu
from tests.fake_runpod.faults import CreateFault
from tests.fake_runpod.rest import LOST_CONNECTION, problem

_READING = """
type Query { gpuTypes(input: GpuTypeFilter): [GpuType] }
input GpuTypeFilter { id: String }
type GpuType { id: String displayName: String lowestPrice(input: GpuLowestPriceInput): LowestPrice }
input GpuLowestPriceInput { gpuCount: Int! secureCloud: Boolean dataCenterId: String }
type LowestPrice { minimumBidPrice: Float uninterruptablePrice: Float stockStatus: String }
type Pod { id: String! desiredStatus: String machineId: String }
"""
_RENTING = """
enum CloudTypeEnum { ALL COMMUNITY SECURE }
input EnvironmentVariableInput { key: String! value: String! }
input PodRentInterruptableInput {
  bidPerGpu: Float! gpuTypeId: String! gpuCount: Int cloudType: CloudTypeEnum imageName: String name: String
  containerDiskInGb: Int volumeInGb: Int volumeMountPath: String networkVolumeId: String dataCenterId: String
  minCudaVersion: String env: [EnvironmentVariableInput] ports: String dockerArgs: String startSsh: Boolean
  supportPublicIp: Boolean containerRegistryAuthId: String
}
type Mutation { podRentInterruptable(input: PodRentInterruptableInput!): Pod }
"""
_WITHOUT_RENTING = "type Mutation { podStop(id: String!): Pod }"


class Graphql:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._fault_after: CreateFault | None = None

    async def answer(self, request: Request) -> Response:
        if self._account.faults.graphql_gone:
            raise Refused(410, "GraphQL has been retired; use REST v2")
        if self._account.faults.graphql:
            return problem(self._account.faults.graphql.pop(0), "upstream failure", headers={"Retry-After": "3600"})
        asked = await request.json()
        withdrawn = self._account.faults.spot_withdrawn
        schema = build_schema(_READING + (_WITHOUT_RENTING if withdrawn else _RENTING))
        result = graphql_sync(schema, asked["query"], self._root(), variable_values=asked.get("variables"))
        for error in result.errors or ():
            if isinstance(error.original_error, Refused):
                raise error.original_error
        fault, self._fault_after = self._fault_after, None
        if fault is CreateFault.ERROR_AFTER:
            raise Refused(500, "internal error")
        if fault is CreateFault.SLOW_ANSWER:
            await asyncio.sleep(self._account.faults.slow_s)
        is_against_the_schema = bool(result.errors) and result.data is None
        headers = {LOST_CONNECTION: "1"} if fault is CreateFault.LOST_ANSWER else None
        return JSONResponse(result.formatted, 400 if is_against_the_schema else 200, headers)

    def _root(self) -> dict[str, Any]:
        return {"gpuTypes": lambda _, **given: self._gpus((given.get("input") or {}).get("id")),
                "podRentInterruptable": lambda _, **given: self._rent(given["input"])}

    def _gpus(self, gpu_id: str | None) -> list[dict[str, Any]]:
        return [{"id": gpu.id, "displayName": gpu.name, "lowestPrice": partial(self._lowest_price, gpu)}
                for gpu in self._account.gpus.values() if gpu_id in (None, gpu.id)]

    def _lowest_price(self, gpu: Gpu, _: object, **given: object) -> dict[str, Any]:
        return {"minimumBidPrice": None if self._account.sold_out() else gpu.spot_usd,
                "uninterruptablePrice": gpu.secure_usd, "stockStatus": "Low"}

    def _rent(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if self._account.faults.spot_disabled:
            raise GraphQLError("Interruptible pods are not supported anymore", extensions={"code": "RUNPOD"})
        fault = self._account.faults.next_create()
        if fault is CreateFault.ERROR_BEFORE:
            raise Refused(502, "upstream failure")
        try:
            pod = self._account.create(_order(wanted), spot_bid=wanted["bidPerGpu"])
            if fault is CreateFault.TWICE:
                self._account.create(_order(wanted), spot_bid=wanted["bidPerGpu"])
        except Refused as refused:
            raise GraphQLError(refused.detail, extensions={"code": "RUNPOD"}) from None
        self._fault_after = fault
        return {"id": pod.id, "desiredStatus": "RUNNING", "machineId": "machine"}


def _order(wanted: dict[str, Any]) -> dict[str, Any]:
    """The same order in the words of REST v2."""
    volume, place = wanted.get("networkVolumeId"), wanted.get("dataCenterId")
    network = [{"volumeId": volume, "path": wanted["volumeMountPath"]}] if volume else []
    gpu = {"id": wanted["gpuTypeId"], "count": wanted.get("gpuCount", 1)}
    if wanted.get("minCudaVersion"):
        gpu["minCudaVersion"] = wanted["minCudaVersion"]
    return {"name": wanted["name"], "image": wanted["imageName"], "gpu": gpu, "registry": None,
            "env": {entry["key"]: entry["value"] for entry in wanted.get("env") or []},
            "disk": wanted.get("containerDiskInGb", 50), "mounts": {"network": network} if network else {},
            "dataCenterIds": [place] if place else []}
