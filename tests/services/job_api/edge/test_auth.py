"""Keys and tokens become principals of one workspace; every failure is the same 401."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import Depends, FastAPI

from chassis.clock import FakeClock, SystemClock
from chassis.problems import Forbidden
from services.job_api.edge import auth
from services.job_api.edge.auth import Authenticator, Principal, Role, TokenVerifier, new_api_key, require
from services.job_api.edge.auth.settings import JwtSettings
from services.job_api.edge.auth.tokens import principal_from_claims
from tests.chassis.web.conftest import WORKSPACE, StoredKeys

ISSUER = "https://issuer.test"
SECRET = "s" * 40


@pytest.fixture(autouse=True)
def routes(app: FastAPI) -> None:
    @app.get("/any")
    async def anyone(caller: Annotated[Principal, Depends(require())]) -> dict[str, str]:
        return {"subject": caller.subject, "workspace": str(caller.workspace_id), "kind": caller.kind}

    @app.get("/owners")
    async def owners(caller: Annotated[Principal, Depends(require(Role.OWNER))]) -> str:
        return caller.subject


class Issuer:
    """An OpenID Connect issuer's JWKS endpoint with keys that can be rotated and an outage."""

    def __init__(self) -> None:
        self.keys = {"k1": ec.generate_private_key(ec.SECP256R1())}
        self.requests = 0
        self.down = False

    def token(self, key_id: str = "k1", algorithm: str = "ES256", **changes: Any) -> str:
        key = self.keys.get(key_id) or ec.generate_private_key(ec.SECP256R1())
        return jwt.encode(claims(**changes), key, algorithm, headers={"kid": key_id})

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, _: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.down:
            raise httpx.ConnectError("down")
        keys = [
            jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "alg": "ES256"}
            for name, key in self.keys.items()
        ]
        return httpx.Response(200, json={"keys": keys})


def claims(**changes: Any) -> dict[str, Any]:
    base = {
        "sub": "user-9",
        "iss": ISSUER,
        "aud": "authenticated",
        "exp": time.time() + 60,
        "app_metadata": {"roles": ["engineer"], "workspace_id": str(WORKSPACE)},
    }
    return {name: value for name, value in (base | changes).items() if value is not None}


def hs256(secret: str = SECRET, **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, "HS256")


def verifier(issuer: Issuer, clock: Any = None, **settings: Any) -> TokenVerifier:
    known = {"issuer": ISSUER, "jwks_url": f"{ISSUER}/jwks", **settings}
    return TokenVerifier(JwtSettings(**known), issuer.http(), clock or SystemClock())


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
async def test_api_key_in_either_header(client: httpx.AsyncClient, keys: StoredKeys, header: str) -> None:
    key = keys.issue(Role.ENGINEER)
    value = f"Bearer {key}" if header == "authorization" else key
    answer = await client.get("/any", headers={header: value})
    assert answer.json() == {"subject": "user-1", "workspace": str(WORKSPACE), "kind": "api_key"}


async def test_every_failure_looks_the_same(client: httpx.AsyncClient, keys: StoredKeys) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    valid = keys.issue(Role.ADMIN)
    failures = [
        "br_" + "x" * 48,
        "br_short",
        valid[:-1] + ("a" if valid[-1] != "a" else "b"),
        keys.issue(Role.ADMIN, expires_at=past),
        keys.issue(Role.ADMIN, revoked_at=past),
        "not.a.token",
    ]
    answers = [await client.get("/any", headers={"authorization": f"Bearer {value}"}) for value in failures]
    assert {answer.status_code for answer in answers} == {401}
    # A trace id is the request's own (given once tracing is on in this process); everything else is the same.
    assert len({json.dumps(answer.json() | {"trace_id": None}) for answer in answers}) == 1
    assert answers[0].headers["www-authenticate"] == 'Bearer realm="brightrun", error="invalid_token"'


async def test_no_credentials(client: httpx.AsyncClient) -> None:
    answer = await client.get("/any")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="brightrun"'


async def test_roles(client: httpx.AsyncClient, keys: StoredKeys) -> None:
    async def status(*roles: Role) -> int:
        return (await client.get("/owners", headers={"x-api-key": keys.issue(*roles)})).status_code

    assert await status(Role.OWNER) == 200
    assert await status(Role.ADMIN) == 200
    assert await status(Role.ENGINEER, Role.ANALYST) == 403
    assert await status() == 403


def test_keys_are_long_random_and_stored_as_hashes() -> None:
    first, second = new_api_key(), new_api_key()
    assert first.secret.startswith("br_")
    assert len(first.secret) - len(first.prefix) >= 32
    assert first.secret.startswith(first.prefix)
    assert len({first.secret, second.secret, first.prefix, second.prefix}) == 4
    assert first.secret.encode() not in first.sha256
    assert len(first.sha256) == 32


async def test_last_use_is_recorded_at_most_once_a_minute(client: httpx.AsyncClient, keys: StoredKeys) -> None:
    used_now = keys.issue(Role.OWNER, last_used_at=datetime.now(UTC))
    used_before = keys.issue(Role.OWNER, last_used_at=datetime.now(UTC) - timedelta(minutes=5))
    for key in (used_now, used_before):
        await client.get("/any", headers={"x-api-key": key})
    assert keys.touched == [used_before[:11]]


async def test_a_failing_record_of_the_last_use_refuses_nobody(client: httpx.AsyncClient, keys: StoredKeys) -> None:
    async def broken(*_: Any) -> None:
        raise ConnectionError

    keys.touch = broken  # type: ignore[method-assign]
    assert (await client.get("/any", headers={"x-api-key": keys.issue()})).status_code == 200


async def test_token_of_an_issuer(app: FastAPI, client: httpx.AsyncClient, issuer: Issuer) -> None:
    auth.install(app, Authenticator(tokens=verifier(issuer)))
    answer = await client.get("/any", headers={"authorization": f"Bearer {issuer.token()}"})
    assert answer.json() == {"subject": "user-9", "workspace": str(WORKSPACE), "kind": "jwt"}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.test"},
        {"aud": "other"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"iss": None},
        {"key_id": "unknown"},
    ],
)
async def test_tokens_refused(issuer: Issuer, changes: dict[str, Any]) -> None:
    assert await verifier(issuer).principal(issuer.token(**changes)) is None


async def test_algorithm_confusion_is_refused(issuer: Issuer) -> None:
    """A public key must never be usable as an HMAC secret, nor 'none' as an algorithm."""
    checker = verifier(issuer, secret=SECRET)
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = issuer.keys["k1"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    import base64
    import hashlib
    import hmac
    import json

    def part(value: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    forged = part({"alg": "HS256", "kid": "k1"}) + b"." + part(claims())
    forged += b"." + base64.urlsafe_b64encode(hmac.new(public, forged, hashlib.sha256).digest()).rstrip(b"=")
    unsigned = part({"alg": "none"}) + b"." + part(claims()) + b"."
    assert await checker.principal(forged.decode()) is None
    assert await checker.principal(unsigned.decode()) is None
    assert await checker.principal(hs256()) is not None
    assert await verifier(issuer).principal(hs256()) is None


async def test_rotation_fetches_once_and_an_outage_keeps_the_old_keys(issuer: Issuer) -> None:
    clock = FakeClock()
    checker = verifier(issuer, clock)
    assert await checker.principal(issuer.token()) is not None
    issuer.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    assert await checker.principal(issuer.token("k2")) is None  # within the pause nobody can make us fetch
    clock.advance(31)
    assert await checker.principal(issuer.token("k2")) is not None
    assert issuer.requests == 2
    issuer.down = True
    clock.advance(3600)
    assert await checker.principal(issuer.token("k2")) is not None


async def test_an_issuer_that_never_answered_is_503_not_401(
    app: FastAPI, client: httpx.AsyncClient, issuer: Issuer
) -> None:
    issuer.down = True
    auth.install(app, Authenticator(tokens=verifier(issuer)))
    answer = await client.get("/any", headers={"authorization": f"Bearer {issuer.token()}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "identity_provider_unavailable")


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        (["engineer", "unknown"], {Role.ENGINEER}),
        ("owner analyst", {Role.OWNER, Role.ANALYST}),
        (["ml-admins"], {Role.ADMIN}),
        (None, set()),
        ({"admin": True}, set()),
    ],
)
def test_role_claims(given: Any, roles: set[Role]) -> None:
    settings = JwtSettings(role_names={"ml-admins": "admin"})
    found = principal_from_claims(claims(app_metadata={"roles": given, "workspace_id": str(WORKSPACE)}), settings)
    assert found.roles == roles


def test_namespaced_claims_and_missing_workspace() -> None:
    settings = JwtSettings(roles_claim="https://brightrun.test/roles", workspace_claim="org_id")
    found = principal_from_claims(
        {"sub": "a", "https://brightrun.test/roles": ["owner"], "org_id": str(WORKSPACE)}, settings
    )
    assert found == Principal("a", WORKSPACE, frozenset({Role.OWNER}), "jwt")
    with pytest.raises(Forbidden, match="workspace_missing"):
        principal_from_claims({"sub": "a"}, settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"roles_claim": "user_metadata.roles"},
        {"issuer": ""},
        {"algorithms": ("HS256",)},
        {"secret": "short"},
    ],
)
def test_unsafe_settings_are_refused(issuer: Issuer, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"BRIGHTRUN_JWT|user_metadata"):
        TokenVerifier(JwtSettings(**{"issuer": ISSUER, "jwks_url": ISSUER, **settings}), issuer.http(), SystemClock())


async def test_openapi_names_both_schemes(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert {"bearer", "api_key"} <= set(schema["components"]["securitySchemes"])
    assert {"401", "403"} <= set(schema["paths"]["/any"]["get"]["responses"])
