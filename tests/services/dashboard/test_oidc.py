"""Sign-in at an identity provider: the browser goes there and back, the token stays with the server."""

from urllib.parse import urlsplit

import httpx

from services.dashboard.session import COOKIE
from tests.services.dashboard.conftest import Browser, serving
from tests.services.job_api.conftest import told  # noqa: F401  fixtures
from tests.services.job_api.signin.conftest import build, house, issuer  # noqa: F401


async def walked(browser: Browser, path: str) -> httpx.Response:
    """By redirects to the end, or back to a page of ours, with the cookies of each place."""
    answer = await browser.get(path)
    while answer.is_redirect and not urlsplit(answer.headers["location"]).path.startswith("/jobs"):
        answer = await browser.http.get(answer.headers["location"])
    return answer


async def test_a_member_signs_in_with_the_organisation_and_out_again(house) -> None:  # noqa: F811
    await house.invite("ada@example.com", "engineer")
    async with serving(api_url=house.api.url) as url:
        browser = Browser(url)
        assert "Sign in with your organisation" in (await browser.get("/sign-in")).text
        answer = await walked(browser, "/sign-in/oidc?next=/jobs")
        assert (answer.status_code, answer.headers["location"]) == (303, "/jobs"), answer.text
        page = await browser.get("/jobs")
        assert "ada@example.com" in page.text
        await browser.send("/sign-out", page="/jobs")
        sessions = browser.http.cookies.get(COOKIE)
        assert sessions is None
        assert (await browser.get("/jobs")).status_code == 303


async def test_who_is_not_let_in_is_told_on_the_page(house) -> None:  # noqa: F811
    async with serving(api_url=house.api.url) as url:
        answer = await walked(Browser(url), "/sign-in/oidc")
        assert answer.status_code == 403
        assert 'role="alert"' in answer.text


async def test_an_answer_that_nobody_asked_for_signs_nobody_in(house) -> None:  # noqa: F811
    async with serving(api_url=house.api.url) as url:
        browser = Browser(url)
        answer = await browser.get("/sign-in/done?code=stolen&state=guessed")
        assert answer.status_code == 400
        await browser.get("/sign-in/oidc")
        answer = await browser.get("/sign-in/done?code=stolen&state=guessed")
        assert answer.status_code == 400
        assert (await browser.get("/jobs")).status_code == 303


async def test_an_invitation_is_accepted_by_signing_in(house) -> None:  # noqa: F811
    made = (await house.api.client.post("/members/invitations", json={"roles": ["analyst"]})).json()
    async with serving(api_url=house.api.url) as url:
        browser = Browser(url)
        page = (await browser.send("/invitation", page="/invitation", secret=made["secret"])).text
        assert 'href="/sign-in/oidc?invited=true"' in page
        answer = await walked(browser, "/sign-in/oidc?invited=true&next=/jobs")
        assert (answer.status_code, answer.headers["location"]) == (303, "/jobs"), answer.text
        page = (await browser.get("/settings")).text
        assert "ada@example.com" in page
        assert "Analyst" in page
        assert "your organisation" in page
        assert (await walked(Browser(url), "/sign-in/oidc")).status_code == 303  # a member by now
