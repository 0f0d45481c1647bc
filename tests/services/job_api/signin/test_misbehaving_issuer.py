"""What an issuer, a network or a thief may send instead of what was asked for."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from sqlalchemy import select, update

from chassis.clock import FakeClock
from chassis.problems import ServiceUnavailable
from services.job_api.signin.domain import SIGN_IN_LIFE, new_secret
from services.job_api.signin.errors import SignInFailed
from services.job_api.signin.issuer import CodeExchange, OidcIssuer
from services.job_api.signin.settings import OidcSettings
from services.job_api.signin.tables import sessions, sign_in_grants, sign_ins
from tests.oidc.issuer import CLIENT_ID, CLIENT_SECRET, LocalIssuer, Misbehaviour
from tests.services.job_api.signin.conftest import Program, told

CALLBACK = "http://127.0.0.1:9/callback"
WRONG = {
    "wrong nonce": Misbehaviour(claims={"nonce": "another"}),
    "no nonce": Misbehaviour(claims={"nonce": None}),
    "another client's token": Misbehaviour(claims={"aud": "somebody-else"}),
    "several audiences without azp": Misbehaviour(claims={"aud": [CLIENT_ID, "somebody-else"]}),
    "issued to another client": Misbehaviour(claims={"azp": "somebody-else"}),
    "expired": Misbehaviour(claims={"exp": 1}),
    "never expires": Misbehaviour(claims={"exp": None}),
    "from the future": Misbehaviour(claims={"iat": time.time() + 86_400}),
    "another issuer": Misbehaviour(claims={"iss": "https://evil.test"}),
    "nobody": Misbehaviour(claims={"sub": ""}),
    "unsigned": Misbehaviour(unsigned=True),
    "signed by another key": Misbehaviour(foreign_key=True),
    "public key as a shared secret": Misbehaviour(hmac_with_public_key=True),
    "unknown key": Misbehaviour(key_id="nobody-knows-it"),
    "no ID token": Misbehaviour(without_id_token=True),
    "refused": Misbehaviour(refuses=True),
}


async def test_a_token_that_does_not_hold_lets_nobody_in(house) -> None:
    await house.invite()
    for name, house.issuer.wrong in WRONG.items():
        program = Program.new()
        found = await house.sign_in(program)
        assert (found.get("error"), found["state"]) == ("sign_in_failed", program.state), name
    async with house.api.database.read() as tx:
        assert (await tx.execute(select(sign_in_grants))).all() == []
        assert (await tx.execute(select(sessions))).all() == []
    house.issuer.wrong = Misbehaviour()
    assert "code" in await house.sign_in()


async def callback_of(house, browser: httpx.AsyncClient, program: Program) -> str:
    """Where the issuer sends the browser back to, not yet followed."""
    begun = await browser.get("/auth/oidc", params=program.begin())
    return (await browser.get(begun.headers["location"])).headers["location"]


async def test_a_callback_works_once(house) -> None:
    await house.invite()
    async with house.browser() as browser:
        address = await callback_of(house, browser, Program.new())
        assert "code" in told(await browser.get(address))
        again = await browser.get(address)
    assert (again.status_code, again.json()["code"]) == (400, "sign_in_unknown")


async def test_a_callback_of_another_browser_is_refused_and_spends_the_sign_in(house) -> None:
    await house.invite()
    async with house.browser() as thief, house.browser() as victim:
        address = await callback_of(house, thief, Program.new())
        assert (await victim.get(address)).json()["code"] == "sign_in_unknown"
        assert (await thief.get(address)).json()["code"] == "sign_in_unknown"


@pytest.mark.slow
async def test_a_state_that_was_never_given_is_refused(house) -> None:
    async with house.browser() as browser:
        address = await callback_of(house, browser, Program.new())
        for state in ("forged", ""):
            query = dict(parse_qsl(urlsplit(address).query)) | {"state": state}
            answer = await browser.get("/auth/oidc/callback", params=query)
            assert (answer.status_code, answer.json()["code"]) == (400, "sign_in_unknown")


@pytest.mark.slow
async def test_another_issuers_answer_is_not_taken(house) -> None:
    """Mix-up: RFC 9207."""
    await house.invite()
    async with house.browser() as browser:
        address = await callback_of(house, browser, Program.new())
        query = dict(parse_qsl(urlsplit(address).query)) | {"iss": "https://evil.test"}
        assert told(await browser.get("/auth/oidc/callback", params=query))["error"] == "sign_in_failed"


async def test_a_code_that_was_stolen_from_another_sign_in_is_refused_by_pkce(house) -> None:
    await house.invite()
    async with house.browser() as victim, house.browser() as thief:
        stolen = dict(parse_qsl(urlsplit(await callback_of(house, victim, Program.new())).query))["code"]
        query = dict(parse_qsl(urlsplit(await callback_of(house, thief, Program.new())).query)) | {"code": stolen}
        assert told(await thief.get("/auth/oidc/callback", params=query))["error"] == "sign_in_failed"


@pytest.mark.slow
async def test_a_sign_in_that_took_too_long_is_over(house) -> None:
    await house.invite()
    async with house.browser() as browser:
        address = await callback_of(house, browser, Program.new())
        async with house.api.database.transaction() as tx:
            await tx.execute(update(sign_ins).values(expires_at=sign_ins.c.expires_at - SIGN_IN_LIFE))
        assert (await browser.get(address)).json()["code"] == "sign_in_unknown"


@pytest.mark.slow
async def test_an_issuer_that_is_away_is_503(house) -> None:
    house.issuer.wrong = Misbehaviour(down=True)
    async with house.browser() as browser:
        answer = await browser.get("/auth/oidc", params=Program.new().begin())
    assert (answer.status_code, answer.json()["code"]) == (503, "identity_provider_unavailable")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.slow
async def test_a_document_of_another_issuer_is_not_used(house) -> None:
    house.issuer.wrong = Misbehaviour(says_it_is="https://evil.test")
    async with house.browser() as browser:
        answer = await browser.get("/auth/oidc", params=Program.new().begin())
    assert answer.status_code == 503


class Adapter:
    """The issuer as job_api sees it, with a clock that a test moves on."""

    def __init__(self, issuer: LocalIssuer, **settings: object) -> None:
        self.issuer, self.clock, self.http = issuer, FakeClock(), httpx.AsyncClient()
        issuer.redirect_uris = [CALLBACK]
        known = {"issuer": issuer.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        self.oidc = OidcIssuer(OidcSettings(**(known | settings)), self.http, self.clock)

    async def claims(self) -> dict[str, object]:
        state, nonce, verifier = new_secret(), new_secret(), new_secret()
        url = await self.oidc.authorization_url(state=state, nonce=nonce, verifier=verifier, redirect_uri=CALLBACK)
        back = dict(parse_qsl(urlsplit((await self.http.get(url)).headers["location"]).query))
        assert back["state"] == state
        return dict(await self.oidc.claims(CodeExchange(back["code"], verifier, nonce, CALLBACK)))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_keys_of_both_kinds_are_understood(algorithm) -> None:
    async with LocalIssuer(algorithm).running() as issuer:
        assert (await Adapter(issuer).claims())["sub"] == issuer.person["sub"]


async def test_a_new_key_is_fetched_once_and_nobody_makes_us_ask_more(issuer) -> None:
    adapter = Adapter(issuer)
    await adapter.claims()
    issuer.rotate()
    with pytest.raises(SignInFailed):  # fetched a moment ago: unknown keys cannot make us hammer the issuer
        await adapter.claims()
    adapter.clock.advance(31)
    assert (await adapter.claims())["sub"] == issuer.person["sub"]
    assert issuer.asked.count("jwks") == 2
    assert issuer.asked.count("metadata") == 1


async def test_a_wrong_client_secret_lets_nobody_in(issuer) -> None:
    with pytest.raises(SignInFailed, match="refused the code"):
        await Adapter(issuer, client_secret="wrong").claims()


async def test_metadata_that_was_read_outlives_an_outage(issuer) -> None:
    adapter = Adapter(issuer)
    await adapter.claims()
    issuer.wrong = Misbehaviour(down=True)
    adapter.clock.advance(7200)
    assert (await adapter.claims())["sub"] == issuer.person["sub"]
    with pytest.raises(ServiceUnavailable):
        await Adapter(issuer).claims()
