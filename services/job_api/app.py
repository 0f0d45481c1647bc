"""Composition root of job_api."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from chassis.messaging.dead_letters import DeadLetters
from chassis.runtime import ServiceRuntime, mount_operations
from chassis.web import problems
from chassis.web.observe import TELEMETRY
from services.job_api import problem_table, routes
from services.job_api.accounts.api_key_cache import ApiKeyCache
from services.job_api.accounts.application.operators import Operators
from services.job_api.accounts.credential_news import CredentialNews
from services.job_api.accounts.repository import ApiKeyTable
from services.job_api.accounts.workspaces import WorkspaceRegistrar
from services.job_api.artifacts.application import expiry
from services.job_api.artifacts.application.downloads import Downloads
from services.job_api.dependencies import Dependencies
from services.job_api.documentation import routes as documentation
from services.job_api.documentation.home import Home
from services.job_api.edge import audit, auth, bodies, idempotency
from services.job_api.edge.auth.settings import JwtSettings
from services.job_api.edge.idempotency import Claims
from services.job_api.edge.rate_limits import Counters, RateLimiter
from services.job_api.files import service as files
from services.job_api.files.processes.pool import PoolLimits
from services.job_api.files.reader import FileReader
from services.job_api.jobs import subscribers, workers
from services.job_api.jobs.application.commands import Defaults, JobContext
from services.job_api.jobs.application.remembered_estimates import RememberedEstimates
from services.job_api.jobs.notifier import JobEventNotifier
from services.job_api.jobs.stream_slots import StreamSlots
from services.job_api.jobs.streaming import EventStream
from services.job_api.operations.application.dead_letters import VisibleDeadLetters
from services.job_api.operations.application.overview import Operations
from services.job_api.operations.application.status import SystemStatus
from services.job_api.paths import DOCS, ERRORS, OPENAPI, PREFIX
from services.job_api.routes import BODY_LIMITS, SIGNED
from services.job_api.settings import Settings
from services.job_api.signin.application.sessions import purge_sign_ins
from services.job_api.signin.issuer import OidcIssuer
from services.job_api.signin.parts import SignIn
from services.job_api.signin.repository import SessionTable
from services.job_api.signin.routes import CALLBACK
from services.job_api.signin.settings import OidcSettings
from services.job_api.tables import idempotency_keys, metadata

_PURGE_EVERY_S = 600.0

TITLE, VERSION = "Bright Run training API", "1"
ABOUT = "Train LoRA adapters on conversations: files, jobs, progress, results, costs."
DESCRIPTION = f"""{ABOUT}

Send an API key or a token as `Authorization: Bearer ...`. Errors are problem documents (RFC 9457) with a stable
`code` and a `suggested_fix`. Every POST takes an `Idempotency-Key`. Lists are pages:
`{{"object": "list", "data": [...], "has_more": ..., "next_cursor": ...}}`; send `next_cursor` as `after`."""


def create_app(settings: Settings, jwt: JwtSettings | None = None, oidc: OidcSettings | None = None) -> FastAPI:
    """The REST API. Touches nothing until its lifespan begins."""
    runtime = ServiceRuntime(settings, metadata=metadata, with_objects=True, with_redis=settings.counts_requests)
    http = httpx.AsyncClient()
    dependencies = _dependencies(runtime, settings, _sign_in(runtime, settings, oidc or OidcSettings(), http))
    claims = Claims(runtime.database, idempotency_keys, keep_s=settings.idempotency_retention_h * 3600)
    runtime.include(subscribers.events, subscribers.requests)
    workers.schedule(runtime, settings)
    _background(runtime, dependencies, claims)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with http, runtime.lifespan():
            yield

    # The documentation page comes with its scripts: it must also work where no other host is reached.
    app = FastAPIOffline(
        title=TITLE, version=VERSION, description=DESCRIPTION, lifespan=lifespan,
        docs_url=DOCS, openapi_url=OPENAPI, redoc_url=None, telemetry=TELEMETRY,
        static_url=f"{PREFIX}/docs-assets", swagger_ui_oauth2_redirect_url=f"{PREFIX}/docs/oauth2-redirect")
    app.state.dependencies = dependencies
    auth.install(app, _authenticator(runtime, settings, dependencies, jwt or JwtSettings(), http))
    routes.install(app)
    app.include_router(documentation.router(_home(settings), ERRORS))
    _middleware(app, runtime, settings, claims)
    return app


def _home(settings: Settings) -> Home:
    paths = {"documentation": DOCS, "openapi": OPENAPI, "errors": ERRORS}
    return Home(TITLE, VERSION, ABOUT, {name: settings.public(path) for name, path in paths.items()},
                settings.dashboard_url)


def _dependencies(runtime: ServiceRuntime, settings: Settings, sign_in: SignIn) -> Dependencies:
    database, bus, clock = runtime.database, runtime.bus, runtime.clock
    notifier = JobEventNotifier(settings.database_url)
    letters = DeadLetters(bus)
    operators = Operators(database, frozenset(settings.operator_workspaces))
    defaults = Defaults(settings.default_gpu_type, settings.default_base_model)
    return Dependencies(
        settings=settings, database=database, rpc=bus, objects=runtime.objects, clock=clock,
        jobs=JobContext(database, bus, RememberedEstimates(bus, clock), clock, defaults, settings.queue_limits),
        notifier=notifier, stream=EventStream(
            database, notifier, runtime.stopping, settings.stream_heartbeat_s, settings.public(ERRORS),
            settings.queue_limits),
        stream_slots=StreamSlots(
            settings.max_streams, settings.max_streams_per_workspace, settings.max_streams_per_caller),
        downloads=Downloads(database, runtime.objects, bus, clock),
        operators=operators, dead_letters=VisibleDeadLetters(operators, letters),
        operations=Operations(database, bus, letters, runtime.health_report.report),
        system_status=SystemStatus(runtime.health, clock), api_keys=ApiKeyCache(ApiKeyTable(database), clock),
        files=FileReader(settings.default_base_model, PoolLimits(
            settings.imports_at_once, time_s=settings.import_time_s, memory_mb=settings.import_memory_mb)),
        sign_in=sign_in)


def _background(runtime: ServiceRuntime, deps: Dependencies, claims: Claims) -> None:
    runtime.background("job events", deps.notifier.run)
    runtime.background(
        "revoked credentials", CredentialNews(deps.settings.database_url, deps.api_keys, deps.sign_in.sessions).run)
    runtime.periodic("sign-ins", _PURGE_EVERY_S, lambda: purge_sign_ins(deps.database, deps.clock))
    runtime.periodic("idempotency keys", _PURGE_EVERY_S, claims.purge)
    runtime.background("file workers", deps.files.run)
    interrupted = timedelta(hours=deps.settings.interrupted_upload_h)
    unused = timedelta(days=deps.settings.upload_retention_days)
    prepared = timedelta(hours=deps.settings.download_retention_h)
    runtime.periodic("interrupted uploads", files.SWEEP_EVERY_S,
                     lambda: files.sweep(deps.database, deps.objects, interrupted))
    runtime.periodic("prepared downloads", expiry.SWEEP_EVERY_S,
                     lambda: expiry.expire_deliveries(deps.database, deps.objects, deps.clock, prepared))
    if unused:
        runtime.periodic("unused uploads", files.SWEEP_EVERY_S, lambda: files.expire(deps.database, unused))


def _authenticator(
    runtime: ServiceRuntime, settings: Settings, deps: Dependencies, jwt: JwtSettings, http: httpx.AsyncClient
) -> auth.Authenticator:
    tokens = WorkspaceRegistrar(jwt, http, runtime.clock, runtime.database) if jwt.enabled else None
    return auth.Authenticator(api_keys=deps.api_keys, sessions=deps.sign_in.sessions, tokens=tokens,
                              clock=runtime.clock, limiter=_limiter(runtime, settings))


def _sign_in(runtime: ServiceRuntime, settings: Settings, oidc: OidcSettings, http: httpx.AsyncClient) -> SignIn:
    issuer = OidcIssuer(oidc, http, runtime.clock) if oidc.enabled else None
    here = settings.public(CALLBACK) if settings.public_url else (
        f"http://{settings.http_host}:{settings.http_port}{CALLBACK}")
    return SignIn(issuer, oidc.callback_url or here, oidc.session_hours,
                  ApiKeyCache(SessionTable(runtime.database), runtime.clock))


def _limiter(runtime: ServiceRuntime, settings: Settings) -> RateLimiter | None:
    if not settings.counts_requests:
        return None
    counters = Counters(runtime.redis, runtime.clock, runtime.registry)
    return RateLimiter(settings.rate_policies, counters, runtime.registry)


def _middleware(app: FastAPI, runtime: ServiceRuntime, settings: Settings, claims: Claims) -> None:
    """The last one added is the outermost: traces and access log see everything, idempotency is next to the routes."""
    idempotency.install(app, claims)
    bodies.install(app, BODY_LIMITS, SIGNED)
    problems.install(app, settings.public(ERRORS))
    problem_table.install(app)
    audit.install(app, runtime.database, runtime.registry)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=list(settings.cors_origins), allow_methods=["*"],
                           allow_headers=["*"], expose_headers=[
                               "location", "retry-after", "x-should-retry", "ratelimit", "ratelimit-policy"])
    mount_operations(app, runtime)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
