"""The dashboard over a real job_api, each behind an HTTP server of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import nats as nats_client
import pytest
import pytest_asyncio
import uvicorn
from nats.js import JetStreamContext

from chassis.database.engine import Database
from chassis.messaging import topology as topology_module
from contracts.streams import CONSUMERS, STREAMS
from services.dashboard.app import create_app
from services.dashboard.settings import Settings
from services.job_api.bootstrap import bootstrap
from services.job_api.edge.auth import Role
from services.job_api.settings import Settings as ApiSettings
from stack.parts import NatsPart, PostgresPart, S3Part, free_port
from tests.fixtures.databases import template_of, unique_name
from tests.services.job_api.conftest import Api, served
from tests.services.job_api.cost_guard import CostGuard

TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


class Browser:
    """What a browser does without scripts: cookies, pages, forms with their token."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.AsyncClient(base_url=url, headers={"accept": "text/html"}, timeout=60)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(path, **more)

    async def token(self, path: str = "/sign-in") -> str:
        found = TOKEN.search((await self.get(path)).text)
        assert found is not None
        return found[1]

    async def send(self, path: str, page: str = "/sign-in", **fields: Any) -> httpx.Response:
        return await self.http.post(path, data={"form_token": await self.token(page), **fields})

    async def sign_in(self, key: str) -> Browser:
        answer = await self.send("/sign-in", api_key=key)
        assert answer.status_code == 303, answer.text
        return self


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[str]:
    """The address of a dashboard."""
    port = free_port()
    app = create_app(Settings(**{"http_port": port, "startup_wait_s": 5, "log_level": "WARNING",
                                 "live_interval_s": 0.2, "operations_interval_s": 0.5} | settings))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="on",
                                           timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done()
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    app.state.runtime.stopping.set()
    server.should_exit = True
    await task


@pytest_asyncio.fixture(scope="module")
async def installation(
    postgres: PostgresPart, nats: NatsPart, s3: S3Part, migrated_templates: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Api]:
    """One job_api with everybody it asks, for all tests of a module: each has a workspace of its own (`api`)."""
    await topology_module.apply(jetstream := await _emptied(nats), STREAMS, CONSUMERS)
    folder, name = tmp_path_factory.mktemp("job_api"), unique_name()
    template = await template_of(postgres, migrated_templates, "services.job_api")
    postgres.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    database = Database(postgres.url(name))
    settings = ApiSettings(
        database_url=database.url, nats_url=nats.url, http_port=free_port(), data_dir=folder, log_level="WARNING",
        s3_endpoint=s3.endpoint, s3_access_key=s3.access_key, s3_secret_key=s3.secret_key, s3_region=s3.region,
        request_timeout_s=20, stream_heartbeat_s=0.3, rate_limits=False,
        max_active_jobs_per_user=0, max_active_jobs_per_workspace=0)
    async with served(settings) as app:
        url = f"http://127.0.0.1:{settings.http_port}"
        credentials = await bootstrap(database, folder / "credentials.json", url)
        made = Api(app, database, jetstream, CostGuard(), url, credentials, nats.url)
        async with made.others():
            yield made
    await jetstream._nc.close()
    await database.dispose()
    postgres.drop_database(name)


async def _emptied(nats: NatsPart) -> JetStreamContext:
    client = await nats_client.connect(nats.url, connect_timeout=30, allow_reconnect=False)
    jetstream = client.jetstream(timeout=30)
    for stream in await jetstream.streams_info():
        await jetstream.delete_stream(stream.config.name)
    return jetstream


@pytest_asyncio.fixture
async def api(installation: Api) -> Api:
    """The installation as an administrator of a new workspace sees it."""
    workspace = uuid4()
    client = await installation.member(*Role, workspace_id=workspace)
    key = client.headers["authorization"].removeprefix("Bearer ")
    return Api(installation.app, installation.database, installation.jetstream, installation.cost_guard,
               installation.url, {"workspace_id": str(workspace), "api_key": key}, installation.nats_url)


@pytest_asyncio.fixture(scope="module")
async def dashboard(installation: Api) -> AsyncIterator[str]:
    async with serving(api_url=installation.url) as url:
        yield url


@pytest_asyncio.fixture
async def browser(api: Api, dashboard: str) -> AsyncIterator[Browser]:
    """Signed in as the administrator of `api`."""
    found = await Browser(dashboard).sign_in(api.credentials["api_key"])
    yield found
    await found.http.aclose()
