"""The documentation page, as a browser without internet sees it."""

import re

import httpx
import pytest

from services.job_api.app import create_app
from services.job_api.settings import Settings


@pytest.fixture
def browser() -> httpx.AsyncClient:
    settings = Settings(database_url="postgresql+asyncpg://nobody@localhost/nothing", s3_endpoint="http://localhost")
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(settings)), base_url="http://api")


async def test_the_page_loads_nothing_from_elsewhere(browser) -> None:
    page = await browser.get("/api/training/docs")
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert addresses
    for address in addresses:
        assert address.startswith("/api/training/"), address
        assert (await browser.get(address)).status_code == 200


async def test_the_page_shows_every_route(browser) -> None:
    document = (await browser.get("/api/training/openapi.json")).json()
    assert {"/api/training/jobs", "/api/training/files", "/api/training/presets"} <= set(document["paths"])
    assert not [path for path in document["paths"] if "docs" in path]
