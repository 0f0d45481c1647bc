"""job_api with a sign-in, a local issuer, and a browser between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from services.job_api.bootstrap import bootstrap
from services.job_api.settings import Settings
from services.job_api.signin.domain import challenge_of, new_secret
from services.job_api.signin.settings import OidcSettings
from tests.oidc.issuer import CLIENT_ID, CLIENT_SECRET, LocalIssuer
from tests.services.job_api.conftest import Api, served
from tests.services.job_api.cost_guard import CostGuard

BACK = "http://127.0.0.1:9/signed-in"


@dataclass
class Program:
    """Whoever begins a sign-in: a command line, a dashboard."""

    verifier: str
    state: str
    redirect_uri: str = BACK

    @classmethod
    def new(cls, redirect_uri: str = BACK) -> Program:
        return cls(new_secret(), new_secret(), redirect_uri)

    def begin(self, **more: Any) -> dict[str, Any]:
        return {"redirect_uri": self.redirect_uri, "code_challenge": challenge_of(self.verifier), "state": self.state,
                "code_challenge_method": "S256"} | more


class House:
    """The API, the issuer and people's browsers."""

    def __init__(self, api: Api, issuer: LocalIssuer) -> None:
        self.api, self.issuer = api, issuer

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"{self.api.url}/api/training", timeout=30)

    async def walk(self, browser: httpx.AsyncClient, program: Program, **begin: Any) -> httpx.Response:
        """From the start to where the browser would leave for the program, or to a page."""
        answer = await browser.get("/auth/oidc", params=program.begin(**begin))
        while answer.is_redirect and not answer.headers["location"].startswith(program.redirect_uri):
            answer = await browser.get(answer.headers["location"])
        return answer

    async def sign_in(self, program: Program | None = None, **begin: Any) -> dict[str, str]:
        """What the program is told: `code` and `state`, or `error`."""
        program = program or Program.new()
        async with self.browser() as browser:
            return told(await self.walk(browser, program, **begin))

    async def session(self, **begin: Any) -> dict[str, Any]:
        program = Program.new()
        found = await self.sign_in(program, **begin)
        assert "code" in found, found
        answer = await self.redeem(found["code"], program.verifier)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def redeem(self, code: str, verifier: str) -> httpx.Response:
        async with self.api.as_key("") as client:
            return await client.post("/auth/token", json={"code": code, "code_verifier": verifier})

    def of(self, session: dict[str, Any]) -> httpx.AsyncClient:
        return self.api.as_key(session["token"])

    async def invite(self, email: str = "ada@example.com", *roles: str) -> dict[str, Any]:
        answer = await self.api.client.put("/members", json={"email": email, "roles": list(roles) or ["engineer"]})
        assert answer.status_code == 200, answer.text
        return answer.json()


def told(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 303, (answer.status_code, answer.text)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


Build = Callable[..., Awaitable[House]]


@pytest.fixture
async def issuer() -> AsyncIterator[LocalIssuer]:
    async with LocalIssuer().running() as running:
        yield running


@pytest.fixture
async def build(fresh_database, settings_for, topology, jetstream, tmp_path, issuer) -> AsyncIterator[Build]:
    """`await build(provisioning="domain", ...)`: a house with these settings of the sign-in."""
    async with AsyncExitStack() as stack:

        async def make(*, job_api: dict[str, Any] | None = None, **oidc: Any) -> House:
            return await stack.enter_async_context(
                _house(fresh_database, settings_for, topology, jetstream, tmp_path, issuer, job_api or {}, oidc))

        yield make


@asynccontextmanager
async def _house(
    fresh_database: Any, settings_for: Any, topology: Any, jetstream: Any, folder: Any, issuer: LocalIssuer,
    job_api: dict[str, Any], oidc: dict[str, Any],
) -> AsyncIterator[House]:
    database = await fresh_database("services.job_api")
    secret = folder / "client-secret"
    secret.write_text(CLIENT_SECRET + "\n")
    settings = Settings(**settings_for("job_api", **({"database_url": database.url, "rate_limits": False} | job_api)))
    url = f"http://127.0.0.1:{settings.http_port}"
    issuer.redirect_uris = [f"{url}/api/training/auth/oidc/callback"]
    known = {"issuer": issuer.url, "client_id": CLIENT_ID, "client_secret_file": secret}
    async with served(settings, None, OidcSettings(**(known | oidc))) as app:
        credentials = await bootstrap(database, folder / "credentials.json", url)
        yield House(Api(app, database, jetstream, CostGuard(), url, credentials, topology.url), issuer)


@pytest.fixture
async def house(build) -> House:
    """Members are named beforehand, as it is unless the installation says otherwise."""
    return await build()
