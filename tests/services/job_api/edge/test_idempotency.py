"""A repeated POST has one effect and one answer - also when requests race, crash, or carry a large file."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import uuid4

import httpx
import pytest
from fastapi import Depends, FastAPI, UploadFile
from pydantic import BaseModel
from sqlalchemy import Column, Integer, MetaData, Table, Text, func, insert, select, text, update

from chassis.database.engine import Database
from chassis.problems import Conflict
from services.job_api.edge.auth import Principal, Role, require
from services.job_api.edge.idempotency import Claims, WithRecord, idempotency_table, install
from tests.chassis.web.conftest import OTHER_WORKSPACE, StoredKeys

METADATA = MetaData()
KEYS = idempotency_table(METADATA)
JOBS = Table("jobs", METADATA, Column("id", Integer, primary_key=True), Column("name", Text))
Caller = Annotated[Principal, Depends(require())]


class NewJob(BaseModel):
    name: str


class Gate:
    """Lets a test hold a request in the middle of its work."""

    def __init__(self) -> None:
        self.entered, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()


class Crash(BaseException):
    """As a killed process: no handler sees it."""


@pytest.fixture
async def database(database_with: Callable[[MetaData], Awaitable[Database]]) -> Database:
    return await database_with(METADATA)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def claims(database: Database) -> Claims:
    return Claims(database, KEYS, lease_s=30)


@pytest.fixture(autouse=True)
def routes(app: FastAPI, database: Database, claims: Claims, gate: Gate) -> None:
    install(app, claims)

    @app.post("/jobs", status_code=201)
    async def create(job: NewJob, caller: Caller, record: WithRecord) -> dict[str, Any]:
        async with database.transaction() as tx:
            row = await tx.execute(insert(JOBS).values(name=job.name).returning(JOBS.c.id))
            document = {"id": row.scalar_one(), "name": job.name}
            await record.store(tx, 201, document)
            gate.entered.set()
            await gate.open.wait()
        if job.name == "crash after commit":
            raise Crash
        return document

    @app.post("/plain", status_code=201)
    async def plain(job: NewJob, caller: Caller) -> dict[str, str]:
        async with database.transaction() as tx:
            await tx.execute(insert(JOBS).values(name=job.name))
        gate.entered.set()
        await gate.open.wait()
        return {"name": job.name}

    @app.post("/full")
    async def full(caller: Caller) -> None:
        async with database.transaction() as tx:
            count = (await tx.execute(select(func.count()).select_from(JOBS))).scalar_one()
        if count == 0:
            raise Conflict("No money.")

    @app.post("/files")
    async def upload(file: UploadFile, caller: Caller) -> dict[str, Any]:
        async with database.transaction() as tx:
            await tx.execute(insert(JOBS).values(name=file.filename))
        return {"size": file.size}


@pytest.fixture
def key(keys: StoredKeys) -> str:
    return keys.issue(Role.ENGINEER)


@pytest.fixture
def post(client: httpx.AsyncClient, key: str) -> Callable[..., Awaitable[httpx.Response]]:
    async def send(path: str = "/jobs", idempotency_key: str = "k-1", as_key: str = key, **more: Any) -> httpx.Response:
        more.setdefault("json", {"name": "a"} if "files" not in more else None)
        headers = {"authorization": f"Bearer {as_key}", "idempotency-key": idempotency_key}
        return await client.post(path, headers=headers, **more)

    return send


Post = Callable[..., Awaitable[httpx.Response]]


async def jobs_in(database: Database) -> list[str]:
    async with database.read() as tx:
        return list((await tx.execute(select(JOBS.c.name).order_by(JOBS.c.id))).scalars())


@pytest.mark.parametrize("path", ["/jobs", "/plain"])
async def test_repetition_is_replayed(post: Post, database: Database, path: str) -> None:
    first, second = await post(path), await post(path)
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert second.headers["content-type"] == "application/json"
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert await jobs_in(database) == ["a"]


async def test_other_body_is_refused_for_good(post: Post, database: Database) -> None:
    await post()
    other = await post(json={"name": "b"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert other.headers["x-should-retry"] == "false"
    assert await jobs_in(database) == ["a"]


async def test_other_query_is_another_request(post: Post) -> None:
    await post()
    assert (await post("/jobs?dry_run=true")).status_code == 409


async def test_scope_is_caller_and_path(post: Post, keys: StoredKeys, database: Database) -> None:
    stranger = keys.issue(Role.ENGINEER, workspace_id=OTHER_WORKSPACE)
    colleague = keys.issue(Role.ENGINEER, subject="user-2")
    for response in [await post(), await post(as_key=stranger), await post(as_key=colleague), await post("/plain")]:
        assert response.status_code == 201
        assert "idempotent-replayed" not in response.headers
    assert len(await jobs_in(database)) == 4


async def test_of_concurrent_requests_exactly_one_executes(post: Post, database: Database, gate: Gate) -> None:
    gate.open.clear()
    first = asyncio.create_task(post())
    await gate.entered.wait()
    others = await asyncio.gather(*(post() for _ in range(5)))
    gate.open.set()
    assert (await first).status_code == 201
    assert {(other.status_code, other.json()["code"]) for other in others} == {(409, "idempotency_in_progress")}
    assert all(other.headers["x-should-retry"] == "true" and other.headers["retry-after"] == "1" for other in others)
    assert (await post()).headers["idempotent-replayed"] == "true"
    assert await jobs_in(database) == ["a"]


async def test_start_at_the_same_instant(post: Post, database: Database) -> None:
    responses = await asyncio.gather(*(post() for _ in range(12)))
    assert sum("idempotent-replayed" not in r.headers for r in responses if r.status_code == 201) == 1
    assert {r.status_code for r in responses} <= {201, 409}
    assert await jobs_in(database) == ["a"]


async def test_refused_requests_are_not_stored(post: Post, database: Database) -> None:
    assert (await post("/full", json=None)).status_code == 409
    assert (await post("/jobs", "k-2", json={"nmae": 1})).status_code == 422
    async with database.transaction() as tx:
        await tx.execute(insert(JOBS).values(name="money"))
    assert (await post("/full", json=None)).status_code == 200
    assert (await post("/jobs", "k-2")).status_code == 201


async def expire_lease(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(update(KEYS).values(lease_until=func.now() - text("interval '1 second'")))


async def test_crash_before_commit_blocks_only_until_the_lease_ends(
    post: Post, database: Database, claims: Claims, monkeypatch: pytest.MonkeyPatch, gate: Gate
) -> None:
    async def killed(*_: Any) -> None:
        return None

    with monkeypatch.context() as patch:  # a killed process releases nothing
        patch.setattr(claims, "release", killed)
        gate.open.clear()
        doomed = asyncio.create_task(post())
        await gate.entered.wait()
        doomed.cancel()
        await asyncio.gather(doomed, return_exceptions=True)
    gate.open.set()
    assert (await post()).json()["code"] == "idempotency_in_progress"
    await expire_lease(database)
    assert (await post()).status_code == 201
    assert await jobs_in(database) == ["a"]


async def test_crash_after_commit_replays_what_was_stored_with_the_effect(post: Post, database: Database) -> None:
    with pytest.raises(Crash):
        await post(json={"name": "crash after commit"})
    again = await post(json={"name": "crash after commit"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert await jobs_in(database) == ["crash after commit"]


async def test_a_request_that_lost_its_claim_rolls_back(post: Post, database: Database, claims: Claims) -> None:
    """Stopped for longer than the lease, then another one took over: only one effect remains."""
    from services.job_api.edge.idempotency import claims as rows

    original = rows.Claims.complete

    async def stolen_first(self: Claims, tx: Any, claim: Any, response: Any) -> bool:
        async with database.transaction() as other:
            await other.execute(update(KEYS).values(lock_token=uuid4()))
        return await original(self, tx, claim, response)

    claims.complete = stolen_first.__get__(claims)  # type: ignore[method-assign]
    lost = await post()
    assert (lost.status_code, lost.json()["code"]) == (503, "idempotency_claim_lost")
    assert await jobs_in(database) == []


async def test_lease_is_renewed_while_a_request_is_slow(
    app: FastAPI, database: Database, gate: Gate, post: Post
) -> None:
    middleware = next(entry for entry in app.user_middleware if "claims" in entry.kwargs)
    middleware.kwargs["claims"].lease_s = 0.6
    gate.open.clear()
    slow = asyncio.create_task(post("/plain"))
    await gate.entered.wait()
    await asyncio.sleep(1.5)
    assert (await post("/plain")).json()["code"] == "idempotency_in_progress"
    gate.open.set()
    assert (await slow).status_code == 201


async def test_uploads_are_compared_by_content_not_by_boundary(post: Post, database: Database) -> None:
    content = b"line of a training file\n" * 200_000
    first = await post("/files", files={"file": ("a.json", content)})
    again = await post("/files", files={"file": ("a.json", content)})
    assert first.request.headers["content-type"] != again.request.headers["content-type"]
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert first.json() == again.json() == {"size": len(content)}
    changed = await post("/files", files={"file": ("a.json", content[:-2] + b"!\n")})
    renamed = await post("/files", files={"file": ("b.json", content)})
    assert changed.json()["code"] == renamed.json()["code"] == "idempotency_key_reused"
    assert await jobs_in(database) == ["a.json"]


async def test_keys_expire_after_24_hours(post: Post, database: Database, claims: Claims) -> None:
    await post()
    async with database.transaction() as tx:
        age = (await tx.execute(select(KEYS.c.expires_at - KEYS.c.created_at))).scalar_one()
        await tx.execute(update(KEYS).values(expires_at=func.now() - text("interval '1 second'")))
    assert age.total_seconds() == 24 * 3600
    fresh = await post(json={"name": "b"})
    assert fresh.status_code == 201
    assert "idempotent-replayed" not in fresh.headers
    assert await claims.purge() == 0
    async with database.transaction() as tx:
        await tx.execute(update(KEYS).values(expires_at=func.now() - text("interval '1 second'")))
    assert await claims.purge() == 1


async def test_without_key_or_credentials_the_route_decides(
    client: httpx.AsyncClient, key: str, post: Post, database: Database
) -> None:
    for _ in range(2):
        plain = await client.post("/jobs", json={"name": "a"}, headers={"x-api-key": key})
        assert plain.status_code == 201
    assert await jobs_in(database) == ["a", "a"]
    refused = await post(as_key="br_" + "x" * 48)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")


@pytest.mark.parametrize("bad", ["", "x" * 256, "with space"])
async def test_malformed_keys(post: Post, bad: str) -> None:
    response = await post(idempotency_key=bad)
    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_invalid")


async def test_the_header_is_documented_on_posts_only(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/jobs")
    async def jobs() -> None: ...

    for _ in range(2):
        paths = (await client.get("/openapi.json")).json()["paths"]
        names = [parameter["name"] for parameter in paths["/jobs"]["post"]["parameters"]]
        assert names == ["Idempotency-Key"]
        assert "parameters" not in paths["/jobs"]["get"]
