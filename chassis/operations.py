"""The three routes every process has for its operators: /health/live, /health/ready, /metrics."""

import orjson
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.access_log import AccessLogMiddleware
from chassis.health import Health
from chassis.metrics import HttpMetrics, MetricsMiddleware, exposition
from chassis.tracing import TracingMiddleware

LIVE, READY, METRICS = "/health/live", "/health/ready", "/metrics"


def operation_routes(health: Health, registry: CollectorRegistry) -> list[Route]:
    async def live(_: Request) -> Response:
        return _json(200, {"status": "alive", "service": health.service})

    async def ready(_: Request) -> Response:
        is_ready, document = await health.ready()
        return _json(200 if is_ready else 503, document)

    async def metrics(_: Request) -> Response:
        body, content_type = exposition(registry)
        return Response(body, media_type=content_type)

    return [Route(LIVE, live), Route(READY, ready), Route(METRICS, metrics)]


def observe(app: Starlette | FastAPI, registry: CollectorRegistry) -> None:
    """Access log, HTTP metrics and server spans; the last one added is the outermost."""
    app.add_middleware(AccessLogMiddleware)
    app.add_middleware(MetricsMiddleware, metrics=HttpMetrics(registry))
    app.add_middleware(TracingMiddleware)


def _json(status: int, document: object) -> Response:
    return Response(
        orjson.dumps(document), status, media_type="application/json", headers={"cache-control": "no-store"}
    )
