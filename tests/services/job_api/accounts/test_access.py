"""Keys, tokens and who they make a caller. Who may do what is in authorization/."""

import time
from uuid import uuid4

import jwt

from services.job_api.bootstrap import bootstrap
from services.job_api.edge.auth import Role
from tests.services.job_api.conftest import JWT_SECRET

ISSUER = {"iss": "https://issuer.test", "aud": "authenticated"}


def token(**claims):
    body = ISSUER | {"sub": "auth0|ada", "exp": time.time() + 60} | claims
    return jwt.encode(body, JWT_SECRET, algorithm="HS256")


async def test_a_token_of_an_identity_provider_brings_its_workspace_along(api):
    workspace = str(uuid4())
    ada = api.as_key(token(app_metadata={"workspace_id": workspace, "roles": ["engineer"]}))
    me = (await ada.get("/me")).json()
    assert (me["workspace_id"], me["roles"], me["credential"]) == (workspace, ["engineer"], "jwt")
    file_id = await api.add_file(workspace_id=workspace)
    created = await ada.post("/jobs", json={"training_file_id": file_id})
    assert (created.status_code, created.json()["created_by"]) == (201, "auth0|ada")
    nowhere = api.as_key(token(app_metadata={"roles": ["admin"]}))
    assert (await nowhere.get("/me")).json()["code"] == "workspace_missing"
    expired = api.as_key(token(exp=time.time() - 60, app_metadata={"workspace_id": workspace}))
    assert (await expired.get("/me")).status_code == 401


async def test_an_admin_acts_as_everybody(api):
    admin = (await (await api.member(Role.ADMIN)).get("/me")).json()
    assert (admin["roles"], admin["acts_as"]) == (["admin"], ["admin", "analyst", "engineer", "owner"])


async def test_api_keys_are_made_listed_and_revoked(api):
    body = {"name": "CI", "roles": ["analyst"], "email": "CI@Example.com"}
    response = await api.client.post("/api-keys", json=body)
    key = response.json()
    assert (response.status_code, key["email"], key["roles"]) == (201, "ci@example.com", ["analyst"])
    robot = api.as_key(key["key"])
    assert (await robot.get("/me")).json()["acts_as"] == ["analyst"]
    assert (await robot.get("/me")).json()["email"] == "ci@example.com"
    listed = (await api.client.get("/api-keys")).json()["data"]
    assert "key" not in listed[0]
    assert listed[0]["id"] == key["id"]
    revoked = await api.client.delete(f"/api-keys/{key['id']}")
    assert revoked.json()["revoked_at"]
    assert (await robot.get("/me")).status_code == 401
    past = await api.client.post("/api-keys", json=body | {"expires_at": "2020-01-01T00:00:00Z"})
    assert (past.status_code, past.json()["errors"][0]["field"]) == (422, "expires_at")


async def test_the_secret_of_a_key_is_not_stored_for_a_replay(api):
    headers = {"idempotency-key": str(uuid4())}
    body = {"name": "once", "roles": ["analyst"]}
    first = (await api.client.post("/api-keys", json=body, headers=headers)).json()
    again = (await api.client.post("/api-keys", json=body, headers=headers)).json()
    assert first["key"].startswith("br_")
    assert again == first | {"key": None}


async def test_budget_and_rates(api):
    owner = await api.member("owner")
    assert (await owner.put("/budget", json={"limit": 12.34})).json()["limit_micro_usd"] == 12_340_000
    assert (await owner.get("/budget/monthly")).json()["limit"] == 12.34
    assert (await owner.put("/budget", json={"limit": -1})).status_code == 422
    rates = (await owner.get("/rates")).json()["data"]
    assert (rates[0]["per_hour"], rates[0]["micro_usd_per_hour"]) == (0.1, 100_000)
    rate = {"gpu_type": "local", "gpu_pricing_tier": "spot", "per_hour": 0.2}
    assert (await api.client.put("/rates", json=rate)).json()["micro_usd_per_hour"] == 200_000
    tenant = await api.member("admin", workspace_id=uuid4())
    assert (await tenant.put("/rates", json=rate)).status_code == 403


async def test_bootstrap_makes_things_once_and_replaces_what_was_lost(api, tmp_path):
    path = tmp_path / "deep" / "credentials.json"
    first = await bootstrap(api.database, path, "http://one")
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(first) == {"url", "workspace_id", "workspace_name", "user_id", "email", "api_key"}
    assert await bootstrap(api.database, path, "http://one") == first
    moved = await bootstrap(api.database, path, "http://two")
    assert moved == first | {"url": "http://two"}
    path.write_text("{broken")
    replaced = await bootstrap(api.database, path, "http://two")
    assert replaced["workspace_id"] == first["workspace_id"]
    assert replaced["api_key"] != first["api_key"]
    for key in (first["api_key"], replaced["api_key"]):
        async with api.as_key(key) as client:
            assert (await client.get("/me")).status_code == 200


async def test_documents_and_operations_are_where_they_are_said_to_be(api):
    async with api.as_key("") as client:
        assert (await client.get("/docs")).status_code == 200
        assert (await client.get("/openapi.json")).json()["info"]["title"] == "Bright Run training API"
        ready = await client.get(f"{api.url}/health/ready")
        assert ready.status_code == 200, ready.text
        assert ready.json() == {"status": "ready", "service": "job_api"}
        assert (await client.get(f"{api.url}/metrics")).status_code == 404
        missing = await client.get("/nothing")
        assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
