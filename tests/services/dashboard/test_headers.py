"""What every answer carries, and how much a page weighs."""

import re

import pytest

from services.dashboard.assets import STATIC, AssetsMissing
from services.dashboard.settings import Settings
from tests.services.dashboard.conftest import Browser

FORBIDDEN = re.compile(r"<script(?![^>]*\bsrc=)|\son\w+\s*=|\sstyle\s*=|javascript:|hx-on|https?://(?!127\.0\.0\.1)")


async def test_nothing_inline_and_nothing_from_elsewhere(api, browser) -> None:
    job = await api.new_job()
    for path in ("/jobs", "/queue", f"/jobs/{job['id']}", "/nothing", "/sign-in"):
        answer = await browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert FORBIDDEN.findall(answer.text) == [], path


async def test_assets_are_kept_for_long_under_an_address_that_changes_with_them(browser) -> None:
    page = (await browser.get("/sign-in")).text
    for address in re.findall(r'(?:src|href)="(/assets/[^"]+)"', page):
        answer = await browser.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        old = await browser.get(re.sub(r"/assets/\w+/", "/assets/0/", address))
        assert "immutable" not in old.headers["cache-control"]
    assert (await browser.get("/assets/0/../settings.py")).status_code == 404
    assert (await browser.get("/assets/0/package.json")).status_code == 404


async def test_a_job_page_weighs_less_than_300_kb(api, browser) -> None:
    job = await api.new_job()
    weight, page = 0, await browser.get(f"/jobs/{job['id']}")
    addresses = {*re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)}
    folder = next(address for address in addresses if address.endswith("/app.js")).removesuffix("app.js")
    for script in STATIC.glob("*.js"):  # modules that the scripts of the page import
        if script.name in ("app.js", "chart.js"):
            addresses |= {folder + name for name in re.findall(r'"\./(\w+\.js)"', script.read_text())}
    assert folder + "curves.js" in addresses
    for path in (f"/jobs/{job['id']}", *addresses):
        async with browser.http.stream("GET", path) as answer:
            weight += len(b"".join([part async for part in answer.aiter_raw()]))
    assert weight < 300_000


async def test_probes_say_nothing_and_need_no_sign_in(dashboard) -> None:
    answer = await Browser(dashboard).get("/health/ready")
    assert answer.json() == {"status": "ready", "service": "dashboard"}


def test_without_the_packages_the_start_says_what_to_do(tmp_path) -> None:
    from services.dashboard.app import create_app

    with pytest.raises(AssetsMissing, match="make setup"):
        create_app(Settings(packages_dir=tmp_path))


def test_a_key_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter than 32"):
        Settings(session_key="short").sealing_key()
