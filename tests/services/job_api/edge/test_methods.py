"""A method that an address does not take is a 405, and `Allow` names all that it takes."""

import pytest

from tests.services.job_api.documentation.test_home import reader

JOB = "/api/training/jobs/01a20a98-e959-74ed-bfb4-283a69bc0f3c"


@pytest.mark.parametrize(("method", "path", "allowed"), [
    ("OPTIONS", "/api/training/jobs", "GET, POST"), ("PUT", JOB, "DELETE, GET, PATCH"),
    ("GET", "/api/training/files/validate", "POST"), ("DELETE", "/api/training/files/validate", "POST"),
    ("GET", "/api/training/dead-letters/replay-all", "POST"), ("POST", "/api/training/budget/monthly", "GET")])
async def test_allow_names_every_method(method: str, path: str, allowed: str) -> None:
    refused = await reader().request(method, path)
    assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
