"""Signing in with an organisation in a real browser: there, back, out again, and in by an invitation."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PATIENCE_MS
from tests.services.dashboard.conftest import serving
from tests.services.job_api.conftest import told  # noqa: F401  fixtures
from tests.services.job_api.signin.conftest import build, house, issuer  # noqa: F401

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)


async def test_a_member_signs_in_with_the_organisation_and_out_again(house, window) -> None:  # noqa: F811
    await house.invite("ada@example.com", "engineer")
    page = window.page
    async with serving(api_url=house.api.url) as url:
        await page.goto(f"{url}/templates")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await page.get_by_role("link", name="Sign in with your organisation").click()
        await page.wait_for_url(f"{url}/templates")
        await expect(page.get_by_text("ada@example.com")).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_text("You are signed out.")).to_be_visible()
        await page.goto(f"{url}/jobs")
        await expect(page.get_by_role("link", name="Sign in with your organisation")).to_be_visible()


async def test_who_is_not_let_in_is_told(house, window) -> None:  # noqa: F811
    page = window.page
    async with serving(api_url=house.api.url) as url:
        await page.goto(f"{url}/sign-in")
        await page.get_by_role("link", name="Sign in with your organisation").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await page.goto(f"{url}/jobs")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_an_invitation_is_accepted_by_signing_in(house, window) -> None:  # noqa: F811
    made = (await house.api.client.post("/members/invitations", json={"roles": ["analyst"]})).json()
    page = window.page
    async with serving(api_url=house.api.url) as url:
        await page.goto(f"{url}/invitation")
        await page.get_by_label("Link or code that you were sent").fill(made["secret"])
        await page.get_by_role("button", name="Open it").click()
        await page.get_by_role("link", name="Accept by signing in with your organisation").click()
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        await page.goto(f"{url}/settings")
        await expect(page.get_by_role("main")).to_contain_text("Analyst")
