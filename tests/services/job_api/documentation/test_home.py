"""The first page, as a program and as a browser ask for it."""

import httpx
import pytest

from services.job_api.app import create_app
from services.job_api.documentation.home import prefers_html
from services.job_api.settings import Settings

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def reader(**settings: str) -> httpx.AsyncClient:
    values = {"database_url": "postgresql+asyncpg://nobody@localhost/nothing", "s3_endpoint": "http://localhost"}
    app = create_app(Settings(**(values | settings)))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")


async def test_a_program_learns_what_this_is() -> None:
    answer = await reader().get("/")
    assert answer.status_code == 200
    assert answer.json() == {
        "object": "api", "name": "Bright Run training API", "version": "1",
        "description": "Train LoRA adapters on conversations: files, jobs, progress, results, costs.",
        "documentation": "/api/training/docs", "openapi": "/api/training/openapi.json",
        "errors": "/api/training/errors"}
    assert answer.headers["vary"] == "accept"


async def test_a_browser_gets_a_page_with_the_same_links() -> None:
    client = reader()
    page = await client.get("/", headers={"accept": BROWSER})
    assert page.headers["content-type"].startswith("text/html")
    for link in ("/api/training/docs", "/api/training/openapi.json", "/api/training/errors"):
        assert f'href="{link}"' in page.text
        assert (await client.get(link)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_browser_is_led_to_the_web_page_where_there_is_one(method: str) -> None:
    client = reader(dashboard_url="https://train.example.com")
    answer = await client.request(method, "/", headers={"accept": BROWSER})
    assert (answer.status_code, answer.headers["location"]) == (303, "https://train.example.com")
    assert (answer.headers["vary"], answer.headers["cache-control"]) == ("accept", "no-store")
    program = await client.get("/")
    assert (program.status_code, program.json()) == (200, (await reader().get("/")).json())


@pytest.mark.parametrize(("there", "status"), [("http://api", 200), ("http://api/", 200), ("http://api/page", 303)])
async def test_nobody_is_led_in_a_circle(there: str, status: int) -> None:
    answer = await reader(dashboard_url=there).get("/", headers={"accept": BROWSER})
    assert answer.status_code == status


async def test_links_carry_the_public_address() -> None:
    client = reader(public_url="https://api.example.com/training-proxy/")
    assert (await client.get("/")).json()["errors"] == "https://api.example.com/training-proxy/api/training/errors"
    problem = (await client.get("/api/training/jobs")).json()
    assert problem["docs_url"] == "https://api.example.com/training-proxy/api/training/errors#unauthenticated"


@pytest.mark.parametrize(("accept", "html"), [
    ("", False), ("*/*", False), ("application/json", False), (BROWSER, True),
    ("text/html;q=0.4, application/json", False), ("application/json;q=0.1, text/html;q=0.5", True),
    ("text/html;q=x", False),
])
def test_what_is_preferred(accept: str, html: bool) -> None:
    assert prefers_html(accept) is html
