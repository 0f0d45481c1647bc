"""Signing in with an issuer that behaves: from the browser to a session, and what becomes of it."""

from __future__ import annotations

import asyncio
import re
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from services.job_api.signin.domain import SHOW_CODE
from services.job_api.signin.tables import sessions, sign_in_grants, sign_ins
from services.job_api.tables import audit_entries
from tests.services.job_api.signin.conftest import BACK, Program, told

ADA = "ada@example.com"


async def test_a_member_signs_in_and_is_who_they_are(house) -> None:
    member = await house.invite(ADA, "engineer", "owner")
    session = await house.session()
    assert re.fullmatch(r"brs_[A-Za-z0-9]{48}", session["token"])
    assert (session["user_id"], session["email"], session["roles"]) == (member["id"], ADA, ["engineer", "owner"])
    async with house.of(session) as ada:
        me = (await ada.get("/me")).json()
        assert (me["credential"], me["subject"], me["email"]) == ("session", member["id"], ADA)
        assert me["workspace_id"] == house.api.credentials["workspace_id"]
        assert (await ada.get("/jobs")).status_code == 200
        assert (await ada.get("/api-keys")).status_code == 403


async def test_a_program_gets_its_own_state_and_a_code_that_only_it_can_use(house) -> None:
    await house.invite()
    program, thief = Program.new(), Program.new()
    found = await house.sign_in(program)
    assert set(found) == {"code", "state"}
    assert found["state"] == program.state
    stolen = await house.redeem(found["code"], thief.verifier)
    assert (stolen.status_code, stolen.json()["code"]) == (400, "invalid_grant")
    late = await house.redeem(found["code"], program.verifier)
    assert late.json()["code"] == "invalid_grant"  # whoever had it knows the code: it is used up


@pytest.mark.slow
async def test_a_code_works_once_and_only_for_two_minutes(house) -> None:
    await house.invite()
    program = Program.new()
    code = (await house.sign_in(program))["code"]
    answers = await asyncio.gather(*(house.redeem(code, program.verifier) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400]
    old = (await house.sign_in(program))["code"]
    async with house.api.database.transaction() as tx:
        await tx.execute(update(sign_in_grants).values(expires_at=sign_in_grants.c.expires_at - _two_minutes()))
    assert (await house.redeem(old, program.verifier)).json()["code"] == "invalid_grant"


def _two_minutes():
    from services.job_api.signin.domain import GRANT_LIFE

    return GRANT_LIFE


@pytest.mark.slow
async def test_the_code_can_be_shown_instead(house) -> None:
    await house.invite()
    program = Program.new(SHOW_CODE)
    async with house.browser() as browser:
        page = await house.walk(browser, program)
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-store"
    code = re.search(r"<code>([\w-]{40,})</code>", page.text)[1]
    assert (await house.redeem(code, program.verifier)).status_code == 201


async def test_signing_out_ends_the_session_at_once(house) -> None:
    await house.invite()
    session, other = await house.session(), await house.session()
    async with house.of(session) as ada, house.of(other) as elsewhere:
        assert (await ada.get("/me")).status_code == 200
        answer = await ada.post("/auth/logout")
        assert (answer.status_code, answer.json()["id"]) == (200, session["id"])
        assert (await ada.get("/me")).status_code == 401
        assert (await elsewhere.get("/me")).status_code == 200
    refused = await house.api.client.post("/auth/logout")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_a_session")


@pytest.mark.slow
async def test_a_session_ends_by_itself(house) -> None:
    await house.invite()
    session = await house.session()
    async with house.api.database.transaction() as tx:
        await tx.execute(update(sessions).values(expires_at=sessions.c.created_at))
    async with house.of(session) as ada:
        answer = await ada.get("/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


@pytest.mark.slow
async def test_neither_tokens_nor_codes_nor_states_are_stored(house) -> None:
    await house.invite()
    program = Program.new()
    async with house.browser() as browser:
        begun = await browser.get("/auth/oidc", params=program.begin())
        state = re.search(r"[?&]state=([\w-]+)", begun.headers["location"])[1]
    code = (await house.sign_in(program))["code"]
    session = await house.session()
    async with house.api.database.read() as tx:
        kept = str([list((await tx.execute(select(table))).mappings())
                    for table in (sessions, sign_ins, sign_in_grants, audit_entries)])
    assert not any(secret in kept for secret in (session["token"], code, state, program.verifier))


async def test_a_removed_members_session_and_keys_die_at_once(house) -> None:
    member = await house.invite(ADA, "admin")
    session = await house.session()
    async with house.of(session) as ada:
        key = (await ada.post("/api-keys", json={"name": "mine", "roles": ["engineer"]})).json()["key"]
        robot = house.api.as_key(key)
        assert [(await client.get("/me")).status_code for client in (ada, robot)] == [200, 200]
        removed = await house.api.client.delete(f"/members/{member['id']}")
        assert (removed.status_code, removed.json()["removed"]) == (200, True)
        assert [(await client.get("/me")).status_code for client in (ada, robot)] == [401, 401]
        assert (await house.sign_in())["error"] == "sign_in_not_allowed"
        await house.invite(ADA, "engineer")  # let in again: what was revoked stays so
        assert [(await client.get("/me")).status_code for client in (ada, robot)] == [401, 401]
    assert (await house.session())["roles"] == ["engineer"]


@pytest.mark.slow
async def test_a_lost_role_is_lost_in_open_sessions(house) -> None:
    await house.invite(ADA, "engineer", "owner")
    session = await house.session()
    async with house.of(session) as ada:
        assert (await ada.get("/audit")).status_code == 200
        await house.invite(ADA, "engineer")
        assert (await ada.get("/audit")).status_code == 403


@pytest.mark.slow
async def test_the_last_admin_stays(house) -> None:
    me = (await house.api.client.get("/me")).json()
    gone = await house.api.client.delete(f"/members/{me['subject']}")
    less = await house.api.client.put("/members", json={"email": me["email"], "roles": ["analyst"]})
    assert {(answer.status_code, answer.json()["code"]) for answer in (gone, less)} == {(409, "last_admin")}
    await house.invite(ADA, "admin")
    assert (await house.api.client.delete(f"/members/{me['subject']}")).status_code == 200
    unknown = await house.api.client.delete(f"/members/{uuid4()}")
    assert unknown.status_code == 401  # the key of whoever removed themselves went with them


@pytest.mark.slow
async def test_members_are_listed(house) -> None:
    await house.invite(ADA, "engineer")
    listed = (await house.api.client.get("/members")).json()["data"]
    assert [(member["email"], member["roles"]) for member in listed] == [
        (ADA, ["engineer"]), ("admin@localhost", ["admin"])]


@pytest.mark.slow
async def test_a_member_of_several_workspaces_chooses_one(house) -> None:
    await house.invite()
    other = uuid4()
    tenant = await house.api.member("admin", workspace_id=other)
    await tenant.put("/members", json={"email": ADA, "roles": ["analyst"]})
    first, second = await house.session(), await house.session(workspace_id=str(other))
    assert first["workspace_id"] == house.api.credentials["workspace_id"]
    assert (second["workspace_id"], second["roles"]) == (str(other), ["analyst"])
    assert (await house.sign_in(workspace_id=str(uuid4())))["error"] == "sign_in_not_allowed"


async def test_sign_ins_stand_in_the_audit_log(house) -> None:
    assert (await house.sign_in())["error"] == "sign_in_not_allowed"
    member = await house.invite()
    session = await house.session()
    async with house.of(session) as ada:
        await ada.post("/auth/logout")
    async with house.api.database.read() as tx:
        rows = (await tx.execute(select(audit_entries).order_by(audit_entries.c.id))).mappings().all()
    told_of = [(row["operation"], row["status"], row["code"], row["actor"]) for row in rows]
    assert told_of == [
        ("finish_oidc_sign_in", 403, "sign_in_not_allowed", ""),
        ("put_member", 200, "", (await house.api.client.get("/me")).json()["subject"]),
        ("finish_oidc_sign_in", 303, "", member["id"]),
        ("redeem_code", 201, "", member["id"]),
        ("sign_out", 200, "", member["id"])]
    assert rows[-1]["credential"] == session["token"][:12]
    assert {str(row["workspace_id"]) for row in rows[1:]} == {house.api.credentials["workspace_id"]}


ELSEWHERE = ("https://evil.test/", "http://127.0.0.1.evil.test/", "http://localhost:1/", "https://app.example.com/other",
             "http://user@127.0.0.1/", "javascript:alert(1)", "", "//evil.test", "http://127.0.0.1:port/")


async def test_a_sign_in_leads_nowhere_else(build) -> None:
    house = await build(redirect_uris=("https://app.example.com/signed-in",))
    async with house.browser() as browser:
        for target in ELSEWHERE:
            answer = await browser.get("/auth/oidc", params=Program.new(target).begin())
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "redirect_uri"), target
    assert house.issuer.asked == []


@pytest.mark.slow
async def test_a_named_address_is_led_to(build) -> None:
    house = await build(redirect_uris=("https://app.example.com/signed-in?from=api",))
    await house.invite()
    program = Program.new("https://app.example.com/signed-in?from=api")
    async with house.browser() as browser:
        found = told(await house.walk(browser, program))
    assert set(found) == {"from", "code", "state"}


@pytest.mark.slow
async def test_a_sign_in_without_pkce_does_not_begin(house) -> None:
    wrong = ({"code_challenge": "short"}, {"code_challenge": None}, {"code_challenge_method": "plain"})
    async with house.browser() as browser:
        for change in wrong:
            query = {name: value for name, value in (Program.new().begin() | change).items() if value is not None}
            assert (await browser.get("/auth/oidc", params=query)).status_code == 422, change


@pytest.mark.slow
async def test_an_installation_without_an_issuer_has_no_sign_in(build) -> None:
    house = await build(issuer="")
    async with house.browser() as browser:
        for path in (f"/auth/oidc?redirect_uri={BACK}&code_challenge={'a' * 43}", "/auth/oidc/callback?state=x"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "sign_in_disabled")


@pytest.mark.slow
async def test_sign_ins_of_one_address_are_limited(build) -> None:
    limits = {"rate_limits": True, "rate_sign_ins_per_address": "3/600", "trusted_proxies": ("127.0.0.1",)}
    house = await build(job_api=limits)
    async with house.browser() as browser:
        browser.headers["x-forwarded-for"] = "192.0.2.44"
        answers = [await browser.get("/auth/oidc", params=Program.new().begin()) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [302, 302, 302, 429]
