"""FastAPI apps as services build them, called in process over the real PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import MetaData

from chassis.database.engine import Database
from chassis.web import problems
from services.job_api.edge import auth
from services.job_api.edge.auth import ApiKeyRecord, Authenticator, Role, new_api_key

WORKSPACE = UUID("0198a000-0000-7000-8000-000000000001")
OTHER_WORKSPACE = UUID("0198a000-0000-7000-8000-000000000002")


class StoredKeys:
    """The port of API keys over a dictionary."""

    def __init__(self) -> None:
        self.records: dict[str, ApiKeyRecord] = {}
        self.touched: list[str] = []

    def issue(self, *roles: Role, workspace_id: UUID = WORKSPACE, subject: str = "user-1", **more: Any) -> str:
        key = new_api_key()
        record = ApiKeyRecord(key.prefix, key.sha256, subject, workspace_id, frozenset(roles), **more)
        self.records[key.prefix] = record
        return key.secret

    async def find(self, prefix: str) -> ApiKeyRecord | None:
        return self.records.get(prefix)

    async def touch(self, prefix: str, used_at: Any) -> None:
        self.touched.append(prefix)


@pytest.fixture
def keys() -> StoredKeys:
    return StoredKeys()


@pytest.fixture
def app(keys: StoredKeys) -> FastAPI:
    """An app with problem documents and API keys; tests add their routes."""
    app = FastAPI()
    problems.install(app)
    auth.install(app, Authenticator(api_keys=keys))
    return app


Connect = Callable[[FastAPI], Any]


@pytest.fixture
def client_of() -> Connect:
    """`async with client_of(app) as client`: errors the app lets through fail the test."""

    @asynccontextmanager
    async def connect(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            yield client

    return connect


@pytest.fixture
async def client(app: FastAPI, client_of: Connect) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def database_with(empty_database: str) -> AsyncIterator[Callable[[MetaData], Awaitable[Database]]]:
    """`await database_with(metadata)` -> a fresh database with these tables."""
    database = Database(empty_database)

    async def make(metadata: MetaData) -> Database:
        async with database.transaction() as tx:
            await tx.run_sync(metadata.create_all)
        return database

    yield make
    await database.dispose()
