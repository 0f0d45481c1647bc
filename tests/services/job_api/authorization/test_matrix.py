"""Every operation of the OpenAPI document as every kind of caller: each cell of docs/authorization.md is tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.job_api.accounts import repository as accounts
from services.job_api.authorization import GROUPS, CallerKind, Expected, expected, group_of, operations
from services.job_api.edge.auth import Role, new_api_key
from services.job_api.openapi import generated_files
from services.job_api.paths import PREFIX
from services.job_api.tables import api_keys
from tests.services.job_api.generated_requests import send


async def key_of(api: Any, **values: Any) -> str:
    """An admin's key with these columns."""
    key = new_api_key()
    async with api.database.transaction() as tx:
        user = await accounts.ensure_user(tx, f"{key.prefix}@example.com")
        await accounts.add_roles(tx, api.workspace_id, user, [Role.ADMIN])
        await accounts.add_api_key(tx, workspace_id=api.workspace_id, user_id=user, key=key, name="t",
                                   roles=[Role.ADMIN], created_by="t")
        await tx.execute(api_keys.update().where(api_keys.c.prefix == key.prefix).values(**values))
    return key.secret


@pytest.fixture
async def callers(api):
    """All clients of each kind."""
    past = datetime.now(UTC) - timedelta(hours=1)
    invalid = ["nonsense", "br_" + "x" * 48, await key_of(api, revoked_at=past), await key_of(api, expires_at=past)]
    found = {
        CallerKind.NOBODY: [api.as_key("")], CallerKind.INVALID: [api.as_key(key) for key in invalid],
        CallerKind.NO_ROLE: [await api.member()],
        CallerKind.STRANGER: [await api.member("admin", workspace_id=uuid4())]}
    for kind in (CallerKind.ENGINEER, CallerKind.ANALYST, CallerKind.OWNER, CallerKind.ADMIN):
        found[kind] = [await api.member(Role(kind.value))]
    yield found
    for client in (client for clients in found.values() for client in clients):
        await client.aclose()


@pytest.fixture
async def owned(api) -> dict[str, str]:
    """One of everything that has an id, by the parameter's name."""
    job = await api.running_job()
    keys = (await api.client.get("/api-keys")).json()["data"]
    template = (await api.client.post("/templates", json={"name": "ours", "visibility": "shared"})).json()
    return {"template_id": template["id"], "job_id": job["id"], "key_id": keys[0]["id"], "sequence": "1",
            "file_id": job["training_file_id"]}


def seen(answer: httpx.Response, kind: CallerKind, secrets: set[str], *, has_id: bool) -> Expected:
    """What an answer amounts to."""
    if answer.status_code == 401:
        code = "unauthenticated" if kind is CallerKind.NOBODY else "invalid_credentials"
        assert answer.json()["code"] == code
        assert answer.headers["www-authenticate"].startswith("Bearer")
        return Expected.UNAUTHENTICATED
    if answer.status_code == 403:
        assert answer.json()["code"] == "forbidden"
        return Expected.FORBIDDEN
    if kind is not CallerKind.STRANGER:
        return Expected.YES
    if answer.status_code == 404 and has_id:
        assert answer.json()["code"].endswith("_not_found")
        return Expected.NOT_FOUND
    assert not any(secret in answer.text for secret in secrets), answer.request.url
    return Expected.OWN_THINGS


def is_tried_alone(name: str) -> bool:
    """Who is open to everybody has no answer of the door's own: 401 is one about a signature."""
    return group_of(name).open


@pytest.mark.slow
async def test_every_cell_is_as_the_table_says(api, callers, owned) -> None:
    document, wrong, tried = api.app.openapi(), [], 0
    another = await api.member("admin", workspace_id=uuid4())
    secrets = {str(api.workspace_id), owned["job_id"], owned["file_id"], owned["key_id"]}
    for name, method, operation in operations(document):
        if is_tried_alone(name):
            continue
        path = PREFIX + name.partition(" ")[2]
        for kind, clients in callers.items():
            # A stranger tries what is there; whoever may do it tries what is not, so that nothing is changed.
            ids = owned if kind is CallerKind.STRANGER else {}
            for client in clients:
                # The audit log shows to a stranger what the stranger has asked for.
                asks = another if kind is CallerKind.STRANGER and "{" not in path else client
                answer = await send(asks, method, path, operation, document, ids)
                found = seen(answer, kind, secrets, has_id="{" in path)
                tried += 1
                if found != expected(name, kind):
                    wrong.append(f"{name} as {kind}: {found}, not {expected(name, kind)}")
    assert wrong == []
    assert tried > 400
    assert (await api.job(owned["job_id"]))["status"] == "queued"


async def test_what_is_open_asks_nobody_who_they_are(api, callers) -> None:
    document = api.app.openapi()
    for name, method, operation in operations(document):
        if group_of(name).open:
            assert not operation.get("security"), name
            path = PREFIX + name.partition(" ")[2]
            answers = [await send(client, method, path, operation, document, follow_redirects=False)
                       for clients in callers.values() for client in clients]
            assert len({(answer.status_code, answer.json()["code"]) for answer in answers}) == 1, name
        else:
            assert operation["security"], name


def test_the_table_has_every_operation_and_no_other(api_document) -> None:
    told = [operation for group in GROUPS for operation in group.operations]
    assert sorted(told) == sorted(name for name, _, _ in operations(api_document))


def test_an_operation_that_nobody_thought_of_is_seen() -> None:
    with pytest.raises(KeyError, match="stands in no group"):
        expected("POST /everything", CallerKind.ADMIN)


def test_the_document_is_fresh() -> None:
    [stale] = [path.read_text() == text for path, text in generated_files().items() if path.name == "authorization.md"]
    assert stale


@pytest.fixture(scope="module")
def api_document() -> dict[str, Any]:
    from services.job_api.app import create_app
    from services.job_api.settings import Settings

    settings = Settings(database_url="postgresql+asyncpg://nobody@localhost/nothing", s3_endpoint="http://localhost")
    return create_app(settings).openapi()
