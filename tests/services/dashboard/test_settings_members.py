"""Members and invitations on the page: links, accepting, roles, removal that holds at once."""

import re
from uuid import uuid4

from services.job_api.edge.auth import Role
from tests.services.dashboard.conftest import Browser, serving
from tests.services.dashboard.test_settings_keys import HOSTILE, SECRET, key_of

PATH = "/settings/members"


async def invited(browser: Browser, **fields) -> str:
    """The link's secret."""
    answer = await browser.send(PATH, page=PATH, **({"role": "engineer", "hours": "24"} | fields))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found = SECRET.search(answer.text)
    assert found is not None
    address, _, secret = found[1].partition("#")
    assert address == f"{browser.url}/invitation"
    return secret


async def accepted(url: str, secret: str, **fields) -> tuple[Browser, str]:
    """Somebody who came in, with the key that was shown."""
    guest = Browser(url)
    assert "Join" in (await guest.send("/invitation", page="/invitation", secret=secret)).text
    answer = await guest.send("/invitation/accept", page="/invitation", secret=secret, **fields)
    assert answer.status_code == 200, answer.text
    found = SECRET.search(answer.text)
    assert found is not None
    return guest, found[1]


async def test_somebody_comes_in_by_a_link_gets_another_role_and_is_removed_at_once(api, browser, dashboard) -> None:
    secret = await invited(browser)
    page = (await browser.get(PATH)).text
    assert secret not in page
    assert "Whoever has the link" in page
    email = f"ada-{uuid4()}@example.com"
    guest, key = await accepted(dashboard, secret, email=email)
    assert email in (await guest.get("/settings")).text
    assert (await api.as_key(key).get("/me")).json()["roles"] == ["engineer"]
    page = (await browser.get(PATH)).text
    assert email in page
    assert "Nobody is invited" in page
    assert "1 used, taken back or expired" in page
    answer = await browser.send(f"{PATH}/roles", page=PATH, email=email, role=["analyst", "owner"])
    assert answer.headers["location"] == f"{PATH}?notice=roles-changed"
    assert "analyst" not in (await api.as_key(key).get("/me")).json()["roles"]  # a key gets no more than it had
    member = next(row for row in (await api.client.get("/members")).json()["data"] if row["email"] == email)
    assert member["roles"] == ["analyst", "owner"]
    answer = await browser.send(f"{PATH}/{member['id']}/remove", page=PATH)
    assert answer.headers["location"] == f"{PATH}?notice=member-removed"
    assert email not in re.sub(r"<details class=\"card-footer\">.*?</details>", "", (await browser.get(PATH)).text,
                               flags=re.DOTALL)
    assert (await api.as_key(key).get("/me")).status_code == 401
    assert (await guest.get("/settings")).headers["location"].startswith("/sign-in")


async def test_a_link_is_for_one_address_and_taken_back(api, browser, dashboard) -> None:
    secret = await invited(browser, email="bob@example.com")
    guest = Browser(dashboard)
    shown = (await guest.send("/invitation", page="/invitation", secret=f"{dashboard}/invitation#{secret}")).text
    assert "bob@example.com" in shown
    assert 'name="email"' not in shown
    [invitation] = (await api.client.get("/members/invitations")).json()["data"]
    answer = await browser.send(f"/settings/invitations/{invitation['id']}/revoke", page=PATH)
    assert answer.headers["location"] == f"{PATH}?notice=invitation-revoked"
    for path in ("/invitation", "/invitation/accept"):
        answer = await guest.send(path, page="/invitation", secret=secret, email="bob@example.com")
        assert answer.status_code == 404
        assert "Ask whoever sent the link" in answer.text
    assert (await guest.get("/jobs")).status_code == 303


async def test_a_wrong_address_is_told_beside_the_form(api, browser, dashboard) -> None:
    secret, taken = await invited(browser), (await api.client.get("/me")).json()["email"]
    for email, status in (("nothing", 422), ("", 422), (taken, 409)):
        answer = await Browser(dashboard).send("/invitation/accept", page="/invitation", secret=secret, email=email)
        assert answer.status_code == status
        assert 'role="alert"' in answer.text
        assert f'value="{secret}"' in answer.text
    assert (await Browser(dashboard).send("/invitation", page="/invitation", secret="")).status_code == 422
    assert (await Browser(dashboard).http.post("/invitation", data={"secret": secret})).status_code == 403


async def test_the_same_form_invites_once_and_refusals_keep_what_was_typed(api, browser) -> None:
    request_id = str(uuid4())
    await invited(browser, request_id=request_id)
    again = await browser.send(PATH, page=PATH, role="engineer", hours="24", request_id=request_id)
    assert "was made before" in again.text
    assert len((await api.client.get("/members/invitations")).json()["data"]) == 1
    answer = await browser.send(PATH, page=PATH, email="kept@example.com", hours="720")
    assert answer.status_code == 422
    assert 'value="kept@example.com"' in answer.text
    assert '<option value="720" selected>' in answer.text


async def test_the_last_admin_is_offered_no_way_out(api, browser) -> None:
    me = (await api.client.get("/me")).json()
    page = (await browser.get(PATH)).text
    assert "The only admin" in page
    assert "/remove" not in page
    answer = await browser.send(f"{PATH}/{me['subject']}/remove", page=PATH)
    assert answer.status_code == 409
    assert "Make somebody else an admin first." in answer.text
    await browser.send(f"{PATH}/roles", page=PATH, email=me["email"], role=["admin", "engineer"])
    assert (await api.client.get("/members")).json()["data"][0]["roles"] == ["admin", "engineer"]


async def test_only_admins_and_only_their_workspace(api, browser, dashboard) -> None:
    await invited(browser, email="ours@example.com")
    [invitation] = (await api.client.get("/members/invitations")).json()["data"]
    engineer = await Browser(dashboard).sign_in(key_of(await api.member(Role.ENGINEER)))
    answer = await engineer.get(PATH)
    assert answer.status_code == 403
    assert "ours@example.com" not in answer.text
    assert (await engineer.send(PATH, page="/settings", role="admin")).status_code == 403
    stranger = await Browser(dashboard).sign_in(key_of(await api.member(*Role, workspace_id=uuid4())))
    assert "ours@example.com" not in (await stranger.get(PATH)).text
    me = (await api.client.get("/me")).json()["subject"]
    for path in (f"/settings/invitations/{invitation['id']}/revoke", f"{PATH}/{me}/remove"):
        assert (await stranger.send(path, page=PATH)).status_code == 404


async def test_markup_in_names_is_text(api, browser, dashboard) -> None:
    secret = await invited(browser)
    await accepted(dashboard, secret, email="h<b>@example.com", key_name=HOSTILE)
    for path in (PATH, "/settings/keys"):
        page = (await browser.get(path)).text
        assert "<script>alert" not in page
        assert "h&lt;b&gt;@example.com" in page


async def test_the_link_leads_to_where_people_reach_the_page(api) -> None:
    async with serving(api_url=api.url, public_url="http://train.example") as url:
        browser = await Browser(url).sign_in(api.credentials["api_key"])
        found = SECRET.search((await browser.send(PATH, page=PATH, role="analyst")).text)
        assert found is not None
        assert found[1].startswith("http://train.example/invitation#bri_")
