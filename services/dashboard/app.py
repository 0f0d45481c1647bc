"""Composition root of the dashboard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from chassis.observability.health import CheckResult
from chassis.web.observe import TELEMETRY
from chassis.web.problems import UnexpectedErrorMiddleware
from chassis.web_runtime import WebRuntime, mount_operations
from services.dashboard import refusals, routes
from services.dashboard.api import Api
from services.dashboard.assets import Assets
from services.dashboard.headers import SecurityHeaders
from services.dashboard.pdf.typesetter import Typesetter
from services.dashboard.rendering import Templates
from services.dashboard.session import Sessions
from services.dashboard.settings import Settings
from services.dashboard.visit import Parts


def create_app(settings: Settings) -> FastAPI:
    """The web page. Reads its files; touches no network until its lifespan begins."""
    runtime, api, assets = WebRuntime(settings), Api(settings), Assets(settings.packages_dir)
    sessions = Sessions(settings.sealing_key(), settings.session_hours, runtime.clock)
    runtime.health.add("api", lambda: _reaches(api), critical=False)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with runtime.lifespan():
            yield
        await api.close()

    app = FastAPI(title="Bright Run", lifespan=lifespan, openapi_url=None, telemetry=TELEMETRY)  # type: ignore[arg-type]
    app.state.parts = Parts(settings, api, sessions, Templates(assets), runtime.clock, Typesetter())
    app.state.assets = assets
    routes.include(app)
    refusals.install(app)
    app.add_middleware(UnexpectedErrorMiddleware, answer=refusals.unexpected)
    app.add_middleware(GZipMiddleware, minimum_size=800)
    app.add_middleware(SecurityHeaders, secure=settings.public_url.startswith("https:"))
    mount_operations(app, runtime)
    return app


async def _reaches(api: Api) -> CheckResult | None:
    """Without it pages say so; this process is no worse for it."""
    try:
        answer = await api.streams.get(f"{api.url}/health/live", timeout=2.5)
    except httpx.HTTPError as error:
        return CheckResult("failed", f"the API at {api.url} does not answer ({type(error).__name__})")
    return None if answer.is_success else CheckResult("failed", f"the API answers {answer.status_code}")

