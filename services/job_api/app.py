"""Composition root of job_api."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from chassis import auth, idempotency, problems
from chassis.deadletter import DeadLetters
from chassis.idempotency import Claims
from chassis.reconciler import every
from chassis.runtime import ServiceRuntime, mount_operations
from chassis.settings import JwtSettings
from services.job_api import handlers, reconciler
from services.job_api.api_key_cache import ApiKeyCache
from services.job_api.files import store as file_store
from services.job_api.files.reader import FileReader
from services.job_api.files.workers.pool import PoolLimits
from services.job_api.live import JobNews
from services.job_api.repository.accounts import ApiKeyTable
from services.job_api.routes import PREFIX, ROUTERS
from services.job_api.settings import Settings
from services.job_api.streaming import EventStream
from services.job_api.tables import idempotency_keys, metadata
from services.job_api.usecases.commands import JobCommands
from services.job_api.usecases.remembered_estimates import RememberedEstimates
from services.job_api.usecases.requests import Defaults
from services.job_api.wiring import Parts
from services.job_api.workspaces import WorkspaceRegistrar

DESCRIPTION = """Train LoRA adapters on conversations: files, jobs, progress, results, costs.

Send an API key or a token as `Authorization: Bearer ...`. Errors are problem documents (RFC 9457) with a stable
`code` and a `suggested_fix`. Every POST takes an `Idempotency-Key`. Lists are pages:
`{"object": "list", "data": [...], "has_more": ..., "next_cursor": ...}`; send `next_cursor` as `after`."""


def create_app(settings: Settings, jwt: JwtSettings | None = None) -> FastAPI:
    """The REST API. Touches nothing until its lifespan begins."""
    runtime = ServiceRuntime(settings, metadata=metadata, with_objects=True)
    parts = _parts(runtime, settings)
    handlers.listen(runtime.bus)
    claims = Claims(runtime.database, idempotency_keys)
    _background(runtime, parts)
    http = httpx.AsyncClient()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with http, runtime.lifespan():
            yield

    # The documentation page comes with its scripts: it must also work where no other host is reached.
    app = FastAPIOffline(
        title="Bright Run training API", version="1", description=DESCRIPTION, lifespan=lifespan,
        docs_url=f"{PREFIX}/docs", openapi_url=f"{PREFIX}/openapi.json", redoc_url=None,
        static_url=f"{PREFIX}/docs-assets", swagger_ui_oauth2_redirect_url=f"{PREFIX}/docs/oauth2-redirect")
    app.state.parts = parts
    auth.install(app, _authenticator(runtime, parts.api_keys, jwt or JwtSettings(), http))
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    _middleware(app, runtime, settings, claims)
    return app


def _parts(runtime: ServiceRuntime, settings: Settings) -> Parts:
    database, defaults = runtime.database, Defaults(settings.default_gpu_type, settings.default_base_model)
    news = JobNews(settings.database_url, settings.max_streams)
    return Parts(
        settings=settings, database=database, bus=runtime.bus, objects=runtime.objects, clock=runtime.clock,
        defaults=defaults, news=news,
        commands=JobCommands(
            database, runtime.bus, RememberedEstimates(runtime.bus, runtime.clock), runtime.clock, defaults),
        stream=EventStream(database, news, runtime.stopping, settings.stream_heartbeat_s),
        dead_letters=DeadLetters(runtime.bus), api_keys=ApiKeyCache(ApiKeyTable(database), runtime.clock),
        files=FileReader(settings.default_base_model, PoolLimits(
            settings.imports_at_once, time_s=settings.import_time_s, memory_mb=settings.import_memory_mb)))


def _background(runtime: ServiceRuntime, parts: Parts) -> None:
    runtime.background("job news", parts.news.run)
    runtime.background("abandoned reservations", lambda: every(
        reconciler.RELEASE_EVERY_S, lambda: reconciler.release_abandoned(runtime.database, runtime.bus)))
    runtime.background("file workers", parts.files.run)
    runtime.background("interrupted uploads", lambda: every(
        file_store.SWEEP_EVERY_S, lambda: file_store.sweep(runtime.database, runtime.objects)))


def _authenticator(
    runtime: ServiceRuntime, keys: ApiKeyCache, jwt: JwtSettings, http: httpx.AsyncClient
) -> auth.Authenticator:
    tokens = WorkspaceRegistrar(jwt, http, runtime.clock, runtime.database) if jwt.enabled else None
    return auth.Authenticator(api_keys=keys, tokens=tokens, clock=runtime.clock)


def _middleware(app: FastAPI, runtime: ServiceRuntime, settings: Settings, claims: Claims) -> None:
    """The last one added is the outermost: traces and access log see everything, idempotency is next to the routes."""
    idempotency.install(app, claims)
    problems.install(app)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=list(settings.cors_origins), allow_methods=["*"],
                           allow_headers=["*"], expose_headers=["location", "retry-after", "x-should-retry"])
    mount_operations(app, runtime)
