"""API keys on the page: made and shown once, used, replaced, revoked; for admins alone."""

import re
from uuid import uuid4

import pytest

from services.dashboard.routes.settings.sections import ROLES
from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser, serving

PATH = "/settings/keys"
HOSTILE = '<script>alert("x")</script>'
SECRET = re.compile(r'id="secret" value="([^"]+)"')


def key_of(client) -> str:
    return client.headers["authorization"].removeprefix("Bearer ")


async def made(browser: Browser, **fields) -> str:
    answer = await browser.send(PATH, page=PATH, **({"name": "robot", "role": "analyst"} | fields))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found = SECRET.search(answer.text)
    assert found is not None
    return found[1]


async def test_a_key_is_made_shown_once_used_and_revoked(api, browser, dashboard) -> None:
    secret = await made(browser, expires_on="2999-12-31")
    [key, own] = (await api.client.get("/api-keys")).json()["data"]
    assert (key["name"], key["roles"], key["expires_at"]) == ("robot", ["analyst"], "2999-12-31T23:59:59+00:00")
    page = (await browser.get(PATH)).text
    assert secret not in page
    assert key["prefix"] in page
    assert page.count("In use here") == 1
    other = await Browser(dashboard).sign_in(secret)
    assert (await other.get("/jobs")).status_code == 200
    answer = await browser.send(f"{PATH}/{key['id']}/revoke", page=PATH)
    assert answer.headers["location"] == f"{PATH}?notice=key-revoked"
    page = (await browser.get(answer.headers["location"])).text
    assert "stopped working at once" in page
    assert ">Revoked<" in page
    assert f"/settings/keys/{key['id']}" not in page
    assert f"/settings/keys/{own['id']}/revoke" in page
    assert (await other.get("/jobs")).headers["location"].startswith("/sign-in")


async def test_the_same_form_makes_one_key(api, browser) -> None:
    request_id = str(uuid4())
    await made(browser, request_id=request_id)
    again = await browser.send(PATH, page=PATH, name="robot", role="analyst", request_id=request_id)
    assert "was made before" in again.text
    assert SECRET.search(again.text) is None
    assert len((await api.client.get("/api-keys")).json()["data"]) == 2


async def test_a_key_is_replaced_and_works_on_for_as_long_as_was_chosen(api, browser) -> None:
    old = await made(browser)
    key = (await api.client.get("/api-keys")).json()["data"][0]
    answer = await browser.send(f"{PATH}/{key['id']}/rotate", page=PATH, keep="3600")
    new = SECRET.search(answer.text)
    assert new is not None
    assert all([(await api.as_key(secret).get("/me")).status_code == 200 for secret in (old, new[1])])
    newest = (await api.client.get("/api-keys")).json()["data"][0]
    await browser.send(f"{PATH}/{newest['id']}/rotate", page=PATH, keep="0")
    assert (await api.as_key(new[1]).get("/me")).status_code == 401


async def test_what_the_api_refuses_is_told_beside_the_form(api, browser) -> None:
    answer = await browser.send(PATH, page=PATH, name="kept words", email="nobody", expires_on="2999-01-01")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert 'value="kept words"' in answer.text
    answer = await browser.send(PATH, page=PATH, name="late", role="analyst", expires_on="2001-01-01")
    assert answer.status_code == 422
    key = (await api.client.get("/api-keys")).json()["data"][0]["id"]
    assert (await browser.send(f"{PATH}/{uuid4()}/revoke", page=PATH)).status_code == 404
    await made(browser)
    newest = (await api.client.get("/api-keys")).json()["data"][0]["id"]
    assert newest != key
    await browser.send(f"{PATH}/{newest}/revoke", page=PATH)
    answer = await browser.send(f"{PATH}/{newest}/rotate", page=PATH, keep="0")
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text


async def test_markup_is_text(browser) -> None:
    await made(browser, name=HOSTILE)
    page = (await browser.get(PATH)).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("role", [Role.ENGINEER, Role.ANALYST, Role.OWNER])
async def test_who_may_not_is_offered_nothing_and_refused(api, dashboard, role) -> None:
    member = await Browser(dashboard).sign_in(key_of(await api.member(role)))
    page = (await member.get("/settings")).text
    assert PATH not in page
    assert "/settings/members" not in page
    assert ("/settings/audit" in page) is (role is Role.OWNER)
    assert role.value.capitalize() in page
    answer = await member.get(PATH)
    assert answer.status_code == 403
    assert "Not allowed" in answer.text
    assert "<form method=\"post\" action=\"/settings" not in answer.text
    answer = await member.send(PATH, page="/settings", name="mine", role="admin")
    assert answer.status_code == 403


async def test_a_stranger_has_keys_of_their_own_alone(api, browser, dashboard) -> None:
    await made(browser, name="Robot of this house")
    key = (await api.client.get("/api-keys")).json()["data"][0]["id"]
    stranger = await Browser(dashboard).sign_in(key_of(await api.member(*Role, workspace_id=uuid4())))
    assert "Robot of this house" not in (await stranger.get(PATH)).text
    for action in ("revoke", "rotate"):
        assert (await stranger.send(f"{PATH}/{key}/{action}", page=PATH, keep="0")).status_code == 404


async def test_roles_are_those_of_the_api_and_the_account_says_who_one_is(api, browser) -> None:
    assert list(ROLES) == [role.value for role in Role]
    page = (await browser.get("/settings")).text
    for words in (api.credentials["workspace_id"], "an API key", "Admin"):
        assert words in page, words


async def test_without_the_api_the_page_says_so(api) -> None:
    key = "x" * 32
    async with serving(api_url=api.url, session_key=key) as url:
        browser = await Browser(url).sign_in(api.credentials["api_key"])
        cookies = browser.http.cookies
    async with serving(api_url="http://127.0.0.1:9", session_key=key) as url:
        away = Browser(url)
        away.http.cookies = cookies
        for path in (PATH, "/settings"):
            answer = await away.get(path)
            assert answer.status_code == 503, path
            assert "does not answer" in answer.text
