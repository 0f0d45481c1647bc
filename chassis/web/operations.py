"""The routes every process has for its operators: /health/live, /health/ready, /metrics."""

import orjson
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.observability.health import Health
from chassis.observability.metrics import exposition
from chassis.web.access_log import AccessLogMiddleware
from chassis.web.metrics import HttpMetrics, MetricsMiddleware
from chassis.web.tracing import TracingMiddleware

LIVE, READY, METRICS = "/health/live", "/health/ready", "/metrics"


def probe_routes(health: Health) -> list[Route]:
    """For a public port: alive and ready, without a word about the parts."""

    async def live(_: Request) -> Response:
        return _json(200, {"status": "alive", "service": health.service})

    async def ready(_: Request) -> Response:
        is_ready, document = await health.ready()
        return _json(200 if is_ready else 503, {"status": document["status"], "service": health.service})

    return [Route(LIVE, live), Route(READY, ready)]


def operation_routes(health: Health, registry: CollectorRegistry) -> list[Route]:
    """For the operators' port: every check in words, and the metrics."""

    async def ready(_: Request) -> Response:
        is_ready, document = await health.ready()
        return _json(200 if is_ready else 503, document)

    async def metrics(_: Request) -> Response:
        body, content_type = exposition(registry)
        return Response(body, media_type=content_type)

    return [probe_routes(health)[0], Route(READY, ready), Route(METRICS, metrics)]


def observe(app: Starlette | FastAPI, registry: CollectorRegistry) -> None:
    """Access log, HTTP metrics and server spans; the last one added is the outermost."""
    app.add_middleware(AccessLogMiddleware)
    app.add_middleware(MetricsMiddleware, metrics=HttpMetrics(registry))
    app.add_middleware(TracingMiddleware)


def _json(status: int, document: object) -> Response:
    return Response(
        orjson.dumps(document), status, media_type="application/json", headers={"cache-control": "no-store"}
    )
