"""The API of Kubernetes, typed, as far as one namespace's Jobs go."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import httpx
from pydantic import ValidationError

from services.provisioner.adapters.answers import told_at
from services.provisioner.adapters.exchange import Unavailable
from services.provisioner.adapters.kubernetes.documents import (
    Document,
    Happening,
    HappeningList,
    Job,
    JobList,
    Pod,
    PodList,
)
from services.provisioner.adapters.kubernetes.errors import Expired, NotFound
from services.provisioner.adapters.kubernetes.http import Http
from services.provisioner.adapters.kubernetes.orders import DeleteOptions, JobOrder, Preconditions, SecretOrder

_D = TypeVar("_D", bound=Document)
_L = TypeVar("_L", JobList, PodList)

# Objects of one page: an answer of some megabytes.
_PAGE = 500
_STRICT = {"fieldValidation": "Strict"}


class KubernetesClient:
    """Every method raises ProviderError. "Not found" is an answer where it can be one: None."""

    def __init__(self, http: Http, namespace: str) -> None:
        self._http = http
        self._jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._core = f"/api/v1/namespaces/{namespace}"

    async def create_job(self, order: JobOrder) -> Job:
        """Raises AlreadyExists; NotFound when there is no such namespace."""
        return _read(Job, await self._http.request("POST", self._jobs, query=_STRICT, body=order.body()))

    async def create_secret(self, order: SecretOrder) -> None:
        """Raises AlreadyExists."""
        await self._http.request("POST", f"{self._core}/secrets", query=_STRICT, body=order.body(),
                                 secrets=order.string_data)

    async def resume_job(self, name: str) -> None:
        await self._http.request("PATCH", f"{self._jobs}/{name}", query=_STRICT, body={"spec": {"suspend": False}},
                                 content_type="application/merge-patch+json")

    async def list_jobs(self, selector: str) -> list[Job]:
        pages, _ = await self._read_pages(self._jobs, selector, JobList)
        return [job for page in pages for job in page.items]

    async def list_pods(self, selector: str) -> tuple[list[Pod], datetime]:
        """With the moment at which it was so, by the server's clock."""
        pages, at = await self._read_pages(f"{self._core}/pods", selector, PodList)
        return [pod for page in pages for pod in page.items], at

    async def delete_job(self, name: str, uid: str) -> None:
        """Begins its end and that of all that it owns. One that is not there is deleted. Raises Conflict when another
        one has the name now."""
        await self._delete(f"{self._jobs}/{name}", uid)

    async def delete_pod(self, name: str, uid: str) -> None:
        await self._delete(f"{self._core}/pods/{name}", uid)

    async def read_log(self, pod: str, container: str, limit_bytes: int) -> bytes:
        """From the first byte that is kept. Raises NotFound, and InvalidRequest while the container has not begun."""
        answer = await self._http.request("GET", f"{self._core}/pods/{pod}/log",
                                          query={"container": container, "limitBytes": str(limit_bytes)})
        return answer.content

    async def happenings(self, uid: str) -> list[Happening]:
        """The events about an object, the newest last."""
        answer = await self._http.request("GET", f"{self._core}/events",
                                          query={"fieldSelector": f"involvedObject.uid={uid}", "limit": str(_PAGE)})
        found = _read(HappeningList, answer).items
        return sorted(found, key=lambda one: one.at.timestamp() if one.at else 0.0)

    async def _delete(self, path: str, uid: str) -> None:
        try:
            await self._http.request("DELETE", path, body=DeleteOptions(preconditions=Preconditions(uid=uid)).body())
        except NotFound:
            return

    async def _read_pages(self, path: str, selector: str, document: type[_L]) -> tuple[list[_L], datetime]:
        """A list whose next page has expired is read once more, from its beginning."""
        try:
            return await self._read_all(path, selector, document)
        except Expired:
            return await self._read_all(path, selector, document)

    async def _read_all(self, path: str, selector: str, document: type[_L]) -> tuple[list[_L], datetime]:
        pages: list[_L] = []
        query = {"labelSelector": selector, "limit": str(_PAGE)}
        while True:
            answer = await self._http.request("GET", path, query=query)
            pages.append(_read(document, answer))
            if not (following := pages[-1].metadata.next):
                return pages, told_at(answer)
            query = {**query, "continue": following}


def _read(document: type[_D], answer: httpx.Response) -> _D:
    try:
        return document.model_validate_json(answer.content)
    except ValidationError as error:
        fields = sorted({".".join(map(str, entry["loc"])) for entry in error.errors(include_input=False)})
        raise Unavailable(f"the cluster's answer cannot be read ({', '.join(fields)})") from None
