"""Who gets in, what the browser keeps, and what a form must bring."""

from services.dashboard.session import COOKIE
from tests.services.dashboard.conftest import Browser, serving


async def test_without_a_sign_in_every_page_leads_to_it_and_back(dashboard) -> None:
    browser = Browser(dashboard)
    answer = await browser.get("/jobs?q=calm")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fjobs%3Fq%3Dcalm"
    page = await browser.get(answer.headers["location"])
    assert page.status_code == 200
    assert 'name="next" value="/jobs?q=calm"' in page.text


async def test_a_key_opens_the_page_that_was_wanted(api, dashboard) -> None:
    browser = Browser(dashboard)
    answer = await browser.send("/sign-in", api_key=api.credentials["api_key"], next="/queue")
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
    assert (await browser.get("/queue")).status_code == 200


async def test_the_cookie_is_for_the_server_alone_and_holds_nothing_that_can_be_read(api, dashboard) -> None:
    browser = Browser(dashboard)
    answer = await browser.send("/sign-in", api_key=api.credentials["api_key"])
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert api.credentials["api_key"] not in cookie
    assert "Secure" not in cookie
    async with serving(api_url=api.url, public_url="https://train.example") as url:
        cookie = (await Browser(url).get("/sign-in")).headers["set-cookie"]
        assert "Secure" in cookie


async def test_a_wrong_key_is_told_in_words(dashboard) -> None:
    for key, words, status in (("br_wrong", "does not know this key", 401), ("", "Enter an API key", 422),
                               ("kéy", "Enter an API key", 422)):
        answer = await Browser(dashboard).send("/sign-in", api_key=key)
        assert answer.status_code == status
        assert words in answer.text


async def test_it_leads_to_no_other_site(api, dashboard) -> None:
    for address in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = await Browser(dashboard).send("/sign-in", api_key=api.credentials["api_key"], next=address)
        assert answer.headers["location"] == "/"


async def test_a_form_without_its_token_is_refused(api, browser) -> None:
    job = await api.new_job()
    for token in ("", "AAAA", await Browser(browser.url).token()):
        answer = await browser.http.post(f"/jobs/{job['id']}/start", data={"form_token": token})
        assert answer.status_code == 403
        assert "form_refused" in answer.text
    foreign = {"sec-fetch-site": "cross-site"}
    token = await browser.token(f"/jobs/{job['id']}")
    answer = await browser.http.post(f"/jobs/{job['id']}/start", data={"form_token": token}, headers=foreign)
    assert answer.status_code == 403
    assert (await api.job(job["id"]))["status"] == "pending"


async def test_a_key_that_was_revoked_leads_to_the_sign_in(api, browser) -> None:
    keys = (await api.client.get("/api-keys")).json()["data"]
    await api.client.delete(f"/api-keys/{keys[0]['id']}")
    answer = await browser.get("/jobs")
    while answer.status_code == 200:  # remembered for two seconds
        answer = await browser.get("/jobs")
    assert answer.headers["location"].endswith("ended=1")
    assert COOKIE in answer.headers["set-cookie"]
    assert "not valid any more" in (await browser.get(answer.headers["location"])).text


async def test_after_a_sign_out_nothing_is_shown(browser) -> None:
    answer = await browser.send("/sign-out", page="/jobs")
    assert answer.status_code == 303
    assert (await browser.get("/jobs")).status_code == 303


async def test_a_cookie_of_another_key_or_another_day_is_nobodys(api, browser) -> None:
    sealed = browser.http.cookies[COOKIE]
    async with serving(api_url=api.url) as url:
        stranger = Browser(url)
        stranger.http.cookies.set(COOKIE, sealed)
        assert (await stranger.get("/jobs")).status_code == 303
    browser.http.cookies.set(COOKIE, sealed[:-8] + "AAAAAAAA")
