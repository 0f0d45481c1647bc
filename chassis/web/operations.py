"""The routes every process has for its operators: /health/live, /health/ready, /metrics."""

import orjson
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.observability.health import Health
from chassis.observability.metrics import exposition
from chassis.web.access_log import AccessLog
from chassis.web.observe import HttpMetrics, ObserveMiddleware

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


def observe(app: Starlette, health: Health, registry: CollectorRegistry) -> AccessLog:
    """Metrics, access log and trace ids around every request; give a FastAPI app `telemetry=TELEMETRY`, too."""
    access = AccessLog(health.service)
    app.add_middleware(ObserveMiddleware, metrics=HttpMetrics(registry), access=access, health=health)
    return access


def _json(status: int, document: object) -> Response:
    return Response(
        orjson.dumps(document), status, media_type="application/json", headers={"cache-control": "no-store"}
    )
