"""`docs_url` leads to a page that the API serves, with a place for every code."""

import re

import httpx
import pytest

from contracts.error_taxonomy import ERROR_CLASSES
from contracts.training_file import REFUSALS
from services.job_api.documentation.error_page import error_page
from tests.architecture.test_error_codes import codes_in, sources
from tests.services.job_api.documentation.test_home import reader


@pytest.fixture
def client() -> httpx.AsyncClient:
    return reader()


async def anchors(client: httpx.AsyncClient) -> set[str]:
    return set(re.findall(r'<a id="([^"]+)"></a>', (await client.get("/api/training/errors")).text))


async def test_every_code_has_its_place(client) -> None:
    used = {code for path in sources() for code in codes_in(path.read_text())}
    assert "job_not_found" in used
    codes = used | set(REFUSALS) | {error_type.value for error_type in ERROR_CLASSES}
    codes |= {"not_found", "method_not_allowed", "validation_failed", "unauthenticated", "bad_request"}
    assert sorted(codes - await anchors(client)) == []


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/api/training/jobs"), ("GET", "/nowhere"), ("DELETE", "/api/training/jobs"),
    ("POST", "/api/training/webhook/secret")])
async def test_a_problem_leads_there(client, method: str, path: str) -> None:
    problem = (await client.request(method, path)).json()
    page, _, anchor = problem["docs_url"].partition("#")
    assert (await client.get(page)).status_code == 200
    assert anchor == problem["code"]
    assert anchor in await anchors(client)


async def test_the_page_loads_nothing(client) -> None:
    page = (await client.get("/api/training/errors")).text
    assert not re.search(r"<(script|link|img|iframe)|@import|url\(", page)


def test_tables_and_anchors_survive_the_conversion() -> None:
    page = error_page('| code | when |\n| --- | --- |\n| <a id="gone"></a>`gone` | It is gone. |\n')
    assert '<td><a id="gone"></a><code>gone</code></td>' in page
