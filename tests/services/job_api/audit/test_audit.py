"""Every change and every denied attempt leaves exactly one entry; nobody can change or delete one."""

from __future__ import annotations

import csv
import io
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from services.job_api.authorization import operations
from services.job_api.paths import PREFIX
from services.job_api.tables import audit_entries
from tests.services.job_api.generated_requests import send
from tests.services.job_api.webhook.test_webhook import deliver

CHANGING = ("post", "put", "patch", "delete")


async def entries(api: Any) -> list[Any]:
    """The oldest first."""
    async with api.database.read() as tx:
        return list((await tx.execute(select(audit_entries).order_by(audit_entries.c.id))).mappings())


async def new_entries(api: Any, before: int) -> list[Any]:
    return (await entries(api))[before:]


@pytest.mark.slow
async def test_each_changing_operation_leaves_exactly_one_entry(api) -> None:
    document, tried = api.app.openapi(), 0
    clients = (api.client, api.as_key(""), await api.member("analyst"))
    changing = [found for found in operations(document) if found[1] in CHANGING]
    for (name, method, operation), client in product(changing, clients):
        before = len(await entries(api))
        answer = await send(client, method, PREFIX + name.partition(" ")[2], operation, document)
        found = await new_entries(api, before)
        assert len(found) == 1, name
        [entry] = found
        assert operation["operationId"].startswith(entry["operation"]), name
        assert entry["status"] == answer.status_code, name
        assert entry["target_kind"], name
        assert entry["code"] == (answer.json()["code"] if answer.is_error else ""), name
        tried += 1
    assert tried > 60


@pytest.mark.slow
async def test_each_operation_leaves_an_entry_when_it_is_denied(api) -> None:
    document, nobody, roleless = api.app.openapi(), api.as_key(""), await api.member()
    for name, method, operation in operations(document):
        for client in (nobody, roleless):
            before = len(await entries(api))
            answer = await send(client, method, PREFIX + name.partition(" ")[2], operation, document)
            expected = 1 if answer.status_code in (401, 403) or method in CHANGING else 0
            assert len(await new_entries(api, before)) == expected, name


async def test_who_did_what_on_what_from_where(api) -> None:
    headers = {"user-agent": "tests/1\tbr_" + "a" * 48}
    job = (await api.client.post("/jobs", json={"training_file_id": await api.add_file()}, headers=headers)).json()
    await api.client.patch(f"/jobs/{job['id']}", json={"name": "new"})
    made, edited = (await entries(api))[-2:]
    me = (await api.client.get("/me")).json()
    assert (made["operation"], edited["operation"]) == ("create_job", "edit_job")
    for entry in (made, edited):
        assert (entry["workspace_id"], entry["actor_kind"]) == (api.workspace_id, "api_key")
        assert (entry["actor"], entry["credential"]) == (me["subject"], api.credentials["api_key"][:11])
        assert (entry["target_kind"], entry["target_id"]) == ("training_job", job["id"])
        assert (entry["address"], entry["code"]) == ("127.0.0.1", "")
    assert (made["status"], edited["status"]) == (201, 200)
    assert made["user_agent"].startswith("tests/1")
    assert "aaaa" not in made["user_agent"]


async def test_no_secret_and_no_text_of_a_caller_is_kept(api) -> None:
    key = (await api.client.post("/api-keys", json={"name": "do-not-keep", "roles": ["analyst"]})).json()
    secret = (await api.client.post("/webhook/secret")).json()["secret"]
    stolen = "br_" + "z" * 48
    await api.as_key(stolen).get("/jobs")
    kept = str([dict(entry) for entry in await entries(api)])
    assert not any(text in kept for text in (key["key"], secret, stolen, "do-not-keep", api.credentials["api_key"]))
    assert [entry["credential"] for entry in (await entries(api))][-1] == stolen[:11]


async def test_a_replayed_answer_has_no_effect_and_no_entry(api) -> None:
    body, headers = {"name": "once", "roles": ["analyst"]}, {"idempotency-key": str(uuid4())}
    before = len(await entries(api))
    for _ in range(2):
        assert (await api.client.post("/api-keys", json=body, headers=headers)).status_code == 201
    assert [entry["operation"] for entry in await new_entries(api, before)] == ["create_api_key"]


async def test_an_effect_that_is_rolled_back_takes_its_entry_along(api, monkeypatch) -> None:
    """The entry stands in the effect's transaction; what the caller got stands in one of its own."""
    from services.job_api.edge.idempotency.record import IdempotencyRecord

    stored = IdempotencyRecord.store

    async def store_and_fail(self: Any, *arguments: Any, **options: Any) -> None:
        await stored(self, *arguments, **options)
        raise ConnectionError

    monkeypatch.setattr(IdempotencyRecord, "store", store_and_fail)
    before = len(await entries(api))
    answer = await api.client.post("/api-keys", json={"name": "gone", "roles": ["analyst"]})
    assert answer.status_code == 503
    [entry] = await new_entries(api, before)
    assert (entry["status"], entry["code"], entry["target_id"]) == (503, "dependency_unavailable", "")
    assert "gone" not in (await api.client.get("/api-keys")).text


CHANGES = ("UPDATE audit_entries SET actor = 'somebody else'", "DELETE FROM audit_entries", "TRUNCATE audit_entries",
           "DELETE FROM audit_entries WHERE false", "TRUNCATE workspaces, audit_entries CASCADE")


async def test_the_database_refuses_to_change_an_entry(api) -> None:
    await api.client.post("/jobs", json={})
    before = await entries(api)
    for statement in CHANGES:
        with pytest.raises(DBAPIError, match=r"append-only|permission denied"):
            async with api.database.transaction() as tx:
                await tx.execute(text(statement))
    assert await entries(api) == before


@pytest.mark.slow
async def test_an_entry_that_the_database_does_not_take_is_counted_and_logged(api, capsys, monkeypatch) -> None:
    from services.job_api.audit import repository

    async def full(*_: Any) -> None:
        raise OSError("no space")

    monkeypatch.setattr(repository, "add", full)
    answer = await api.client.put("/budget", json={"limit": 12})
    assert answer.status_code == 200
    registry = api.app.state.runtime.registry
    assert registry.get_sample_value("brightrun_audit_entries_not_written_total") == 1


async def test_a_signed_webhook_speaks_for_its_workspace(api) -> None:
    job = await api.running_job()
    before = len(await entries(api))
    for _ in range(2):
        assert (await deliver(api, {"event": "started", "job_id": job["id"], "attempt": 1})).status_code == 202
    found = await new_entries(api, before)
    told = [tuple(entry[name] for name in ("operation", "actor_kind", "workspace_id", "target_id")) for entry in found]
    assert told == [("receive_webhook", "webhook", api.workspace_id, job["id"])] * 2


async def test_owners_read_their_workspaces_entries_by_pages(api) -> None:
    owner, tenant = await api.member("owner"), await api.member("admin", workspace_id=uuid4())
    for _ in range(3):
        await owner.post("/jobs", json={})
    await tenant.post("/jobs", json={})
    first = (await owner.get("/audit", params={"operation": "create_job", "limit": 2})).json()
    rest = (await owner.get("/audit", params={"operation": "create_job", "after": first["next_cursor"]})).json()
    assert (len(first["data"]), first["has_more"], len(rest["data"]), rest["has_more"]) == (2, True, 1, False)
    ids = [entry["id"] for entry in first["data"] + rest["data"]]
    assert ids == sorted(ids, reverse=True)
    assert {entry["outcome"] for entry in first["data"]} == {"denied"}
    assert [entry["operation"] for entry in (await tenant.get("/audit")).json()["data"]] == ["create_job"]
    damaged = await owner.get("/audit", params={"after": "x"})
    assert (damaged.status_code, damaged.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.slow
async def test_members_among_the_actors_are_named_by_their_address(api) -> None:
    analyst = await api.member("analyst")
    await analyst.post("/jobs", json={})
    await api.as_key("").get("/jobs")
    found = (await api.client.get("/audit?scope=installation")).json()["data"]
    assert [entry["actor_email"] for entry in found[:2]] == [None, (await analyst.get("/me")).json()["email"]]


async def test_filters_narrow_the_list(api) -> None:
    job = (await api.client.post("/jobs", json={"training_file_id": await api.add_file()})).json()
    await api.client.patch(f"/jobs/{uuid4()}", json={"name": "x"})
    await api.client.put("/budget", json={"limit": "x"})

    async def found(**query: Any) -> list[str]:
        return [entry["operation"] for entry in (await api.client.get("/audit", params=query)).json()["data"]]

    assert await found(outcome="succeeded") == ["create_job"]
    assert await found(outcome="refused,denied") == ["set_budget", "edit_job"]
    assert await found(target_id=job["id"]) == ["create_job"]
    assert await found(target_kind="budget") == ["set_budget"]
    assert await found(before="2020-01-01T00:00:00Z") == []
    assert len(await found(credential=api.credentials["api_key"][:11], at_or_after="2020-01-01T00:00:00Z")) == 3
    assert await found(address="192.0.2.1") == []


async def test_only_the_operator_sees_the_whole_installation(api) -> None:
    await api.as_key("").get("/jobs")
    tenant = await api.member("admin", workspace_id=uuid4())
    owner = await api.member("owner")
    for refused in (tenant, owner):
        answer = await refused.get("/audit", params={"scope": "installation"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    everything = (await api.client.get("/audit", params={"scope": "installation"})).json()["data"]
    assert any(entry["actor_kind"] == "anonymous" and entry["workspace_id"] is None for entry in everything)
    assert "anonymous" not in (await api.client.get("/audit")).text


@pytest.mark.slow
async def test_csv_holds_what_matches(api) -> None:
    headers = {"user-agent": "=cmd()"}
    for _ in range(2):
        await api.client.post("/jobs", json={}, headers=headers)
    answer = await api.client.get("/audit", params={"format": "csv", "operation": "create_job"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["operation"] for row in rows] == ["create_job", "create_job"]
    assert rows[0]["user_agent"] == "'=cmd()"
    assert rows[0]["outcome"] == "refused"


@pytest.mark.parametrize(("trusted", "address"), [(["127.0.0.1"], "192.0.2.7"), ([], "127.0.0.1")])
async def test_only_a_trusted_proxy_says_where_a_request_came_from(
    fresh_database, settings_for, trusted, address
) -> None:
    import httpx

    from services.job_api.app import create_app
    from services.job_api.settings import Settings

    database = await fresh_database("services.job_api")
    settings = Settings(**settings_for("job_api", database_url=database.url, trusted_proxies=tuple(trusted)))
    app = create_app(settings)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        forged = {"x-forwarded-for": "203.0.113.9, 192.0.2.7"}
        assert (await client.get("/api/training/jobs", headers=forged)).status_code == 401
    await app.state.runtime.database.dispose()
    async with database.read() as tx:
        assert list((await tx.execute(select(audit_entries.c.address))).scalars()) == [address]
