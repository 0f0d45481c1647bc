"""The API of one namespace: Jobs, pods, Secrets, events, logs."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.fake_kubernetes.cluster import Cluster
from tests.fake_kubernetes.faults import CreateFault
from tests.fake_kubernetes.objects import Document, Kept, KeptPod, Refused, selected

LOST_CONNECTION = "lost-connection"
_JOBS, _CORE = "/apis/batch/v1/namespaces/{namespace}/jobs", "/api/v1/namespaces/{namespace}"


def status_document(refused: Refused) -> Response:
    details = {} if refused.retry_after_s is None else {"details": {"retryAfterSeconds": refused.retry_after_s}}
    headers = {} if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)}
    return JSONResponse({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                         "message": refused.message, "reason": refused.reason, "code": refused.status, **details},
                        refused.status, headers)


class Rest:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._store, self._faults = cluster, cluster.store, cluster.faults

    def routes(self) -> list[Route]:
        return [
            Route(_JOBS, self.list_jobs, methods=["GET"]),
            Route(_JOBS, self.create_job, methods=["POST"]),
            Route(f"{_JOBS}/{{name}}", self.patch_job, methods=["PATCH"]),
            Route(f"{_JOBS}/{{name}}", self.delete_job, methods=["DELETE"]),
            Route(f"{_CORE}/pods", self.list_pods, methods=["GET"]),
            Route(f"{_CORE}/pods/{{name}}", self.delete_pod, methods=["DELETE"]),
            Route(f"{_CORE}/pods/{{name}}/log", self.log, methods=["GET"]),
            Route(f"{_CORE}/secrets", self.create_secret, methods=["POST"]),
            Route(f"{_CORE}/events", self.list_events, methods=["GET"]),
        ]

    async def list_jobs(self, request: Request) -> Response:
        return self._list(request, "JobList", "batch/v1", [one.document for one in self._store.jobs.values()])

    async def list_pods(self, request: Request) -> Response:
        return self._list(request, "PodList", "v1", [one.document for one in self._store.pods.values()])

    async def list_events(self, request: Request) -> Response:
        uid = request.query_params.get("fieldSelector", "").partition("=")[2]
        found = [one for one in self._store.events if one["involvedObject"]["uid"] == uid]
        return self._list(request, "EventList", "v1", found)

    async def create_job(self, request: Request) -> Response:
        fault = self._faults.create.pop(0) if self._faults.create else None
        self._check_namespace(request)
        if self._faults.forbidden:
            raise Refused(403, "Forbidden", self._faults.forbidden)
        if fault is CreateFault.ERROR_BEFORE:
            raise Refused(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        job = self._store.add_job(await request.json())
        self._cluster.job_is_there(job)
        if fault is CreateFault.ERROR_AFTER:
            raise Refused(500, "InternalError", "etcdserver: request timed out")
        if fault is CreateFault.SLOW_ANSWER:
            await asyncio.sleep(self._faults.slow_s)
        headers = {LOST_CONNECTION: "1"} if fault is CreateFault.LOST_ANSWER else None
        return JSONResponse(job.document, 201, headers)

    async def create_secret(self, request: Request) -> Response:
        self._check_namespace(request)
        self._fail(self._faults.secret)
        return JSONResponse(self._store.add_secret(await request.json()).document, 201)

    async def patch_job(self, request: Request) -> Response:
        """A merge patch of `spec.suspend`: nothing else of a Job may be changed."""
        job = self._job(request)
        self._fail(self._faults.resume)
        patch = json.loads(await request.body())
        if set(patch) != {"spec"} or set(patch["spec"]) != {"suspend"}:
            raise Refused(422, "Invalid", f'Job.batch "{job.name}" is invalid: spec: field is immutable')
        job.spec["suspend"] = patch["spec"]["suspend"]
        self._store.touch(job)
        return JSONResponse(job.document)

    async def delete_job(self, request: Request) -> Response:
        job = self._job(request)
        self._fail(self._faults.delete)
        options = await self._delete_options(request, job)
        if options.get("propagationPolicy") != "Foreground":
            raise Refused(422, "Invalid", "this fake removes in the foreground only")
        self._cluster.end_job(job)
        return _done()

    async def delete_pod(self, request: Request) -> Response:
        pod = self._pod(request)
        self._fail(self._faults.delete)
        await self._delete_options(request, pod)
        self._cluster.end_pod(pod)
        return JSONResponse(pod.document)

    async def log(self, request: Request) -> Response:
        pod = self._pod(request)
        (container,) = pod.spec["containers"]
        if (asked := request.query_params["container"]) != container["name"]:
            raise Refused(400, "BadRequest", f"container {asked} is not valid for pod {pod.name}")
        if pod.container.pid is None:
            raise Refused(400, "BadRequest", f'container "{container["name"]}" in pod "{pod.name}" is waiting to start')
        limit = int(request.query_params.get("limitBytes", 10_000_000))
        return PlainTextResponse(pod.container.log.read_bytes()[:limit])

    def _list(self, request: Request, kind: str, version: str, found: list[Document]) -> Response:
        asked = request.query_params
        chosen = [one for one in found if selected(one, asked.get("labelSelector", ""))]
        begin = self._begin(asked.get("continue", ""))
        size = min(self._cluster.options.page, int(asked.get("limit", "10000")))
        following = base64.b64encode(str(begin + size).encode()).decode() if begin + size < len(chosen) else ""
        metadata = {"resourceVersion": self._store.version()} | ({"continue": following} if following else {})
        return JSONResponse({"kind": kind, "apiVersion": version, "metadata": metadata,
                             "items": chosen[begin:begin + size]})

    def _begin(self, token: str) -> int:
        if token and self._faults.expired_pages:
            self._faults.expired_pages -= 1
            raise Refused(410, "Expired", "The provided continue parameter is too old")
        return int(base64.b64decode(token)) if token else 0

    async def _delete_options(self, request: Request, kept: Kept) -> dict[str, Any]:
        body = await request.body()
        options: dict[str, Any] = json.loads(body) if body else {}
        wanted = options.get("preconditions", {}).get("uid", kept.uid)
        if wanted != kept.uid:
            raise Refused(409, "Conflict", f"the UID in the precondition ({wanted}) does not match ({kept.uid})")
        return options

    def _job(self, request: Request) -> Kept:
        self._check_namespace(request)
        return _found(self._store.jobs, request.path_params["name"], "jobs.batch")

    def _pod(self, request: Request) -> KeptPod:
        self._check_namespace(request)
        return _found(self._store.pods, request.path_params["name"], "pods")

    def _check_namespace(self, request: Request) -> None:
        if (name := request.path_params["namespace"]) != self._cluster.options.namespace:
            raise Refused(404, "NotFound", f'namespaces "{name}" not found')

    def _fail(self, ordered: list[int]) -> None:
        if ordered:
            raise refusal(ordered.pop(0))


def refusal(status: int) -> Refused:
    reasons = {401: "Unauthorized", 403: "Forbidden", 409: "Conflict", 500: "InternalError", 503: "ServiceUnavailable",
               504: "Timeout"}
    return Refused(status, reasons.get(status, "Unknown"), "as a test has ordered it")


def _found(family: dict[str, Any], name: str, kind: str) -> Any:
    if name not in family:
        raise Refused(404, "NotFound", f'{kind} "{name}" not found')
    return family[name]


def _done() -> Response:
    return JSONResponse({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
