"""REST v2, typed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TypeVar

import httpx
from pydantic import ValidationError

from services.provisioner.adapters.answers import told_at
from services.provisioner.adapters.exchange import Unavailable
from services.provisioner.adapters.runpod.documents import Document, Gpu, GpuList, LogLine, Pod, PodList, PodOrder
from services.provisioner.adapters.runpod.errors import NotFound
from services.provisioner.adapters.runpod.http import Http

_D = TypeVar("_D", bound=Document)


class RunPodClient:
    """Every method raises ProviderError. "Not found" is an answer: None."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def create_pod(self, order: PodOrder) -> Pod:
        body = order.model_dump(by_alias=True, exclude_none=True)
        return _read(Pod, await self._http.post("/v2/pods", body, order.env))

    async def list_pods(self) -> list[Pod]:
        answer = await self._http.get("/v2/pods")
        return [_shown(pod, answer) for pod in _read(PodList, answer).pods]

    async def get_pod(self, pod_id: str) -> Pod | datetime:
        """The pod, or the moment (by the provider's clock) at which there was none."""
        try:
            answer = await self._http.get(f"/v2/pods/{pod_id}")
            return _shown(_read(Pod, answer), answer)
        except NotFound as error:
            return error.at

    async def delete_pod(self, pod_id: str) -> datetime:
        """When it was gone by the provider's clock. One that is not there is deleted."""
        try:
            return told_at(await self._http.delete(f"/v2/pods/{pod_id}"))
        except NotFound as error:
            return error.at

    async def list_gpus(self, cloud: str, min_cuda: str) -> list[Gpu]:
        """Prices and stock. `min_cuda` empty: on machines with any driver."""
        query = {"include": "AVAILABILITY", "product": "POD", "cloud": cloud}
        query |= {"minCudaVersion": min_cuda} if min_cuda else {}
        return _read(GpuList, await self._http.get("/v2/catalog/gpus", **query)).gpus

    async def log_lines(self, pod_id: str, since: datetime) -> AsyncIterator[str]:
        """What the container has written since then, and what it goes on to write: without an end."""
        async with self._http.stream(f"/v2/pods/{pod_id}/logs", source="container", since=since.isoformat()) as answer:
            async for text in answer.aiter_lines():
                if text.startswith("data:"):
                    yield LogLine.model_validate_json(text.removeprefix("data:")).line


def _shown(pod: Pod, answer: httpx.Response) -> Pod:
    return pod.model_copy(update={"shown_at": told_at(answer)})


def _read(document: type[_D], answer: httpx.Response) -> _D:
    try:
        return document.model_validate_json(answer.content)
    except ValidationError as error:
        fields = sorted({".".join(map(str, entry["loc"])) for entry in error.errors(include_input=False)})
        raise Unavailable(f"RunPod's answer cannot be read ({', '.join(fields)})") from None
