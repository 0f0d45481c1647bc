"""Every error leaves as a problem document that says what to do, and never with internals."""

from typing import Literal

import httpx
import pytest
import sqlalchemy.exc
from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel, Field, SecretStr, field_validator

from chassis.database.engine import DatabaseUnavailable
from chassis.problems import MEDIA_TYPE, Conflict, Invalid, NotFound, ProblemError, ServiceUnavailable
from chassis.web.operations import observe
from contracts.problem import Problem


class Job(BaseModel):
    model_config = {"extra": "forbid"}
    name: str = Field(max_length=10)
    lora_rank: int = Field(ge=1, le=64)
    preset: Literal["balanced", "aggressive"] = "balanced"
    token: SecretStr = SecretStr("")
    tags: list[int] = []

    @field_validator("name")
    @classmethod
    def _no_key(cls, name: str) -> str:
        if name.startswith("br_"):
            raise ValueError(f"{name}abcdefghijklmnop is a key")
        return name


@pytest.fixture(autouse=True)
def routes(app: FastAPI) -> None:
    @app.post("/jobs")
    async def create(job: Job) -> dict[str, str]:
        return {"name": job.name}

    @app.get("/raise/{what}")
    async def fail(what: str) -> Response:
        raise ERRORS[what]

    @app.get("/jobs/{job_id}")
    async def get(job_id: int) -> int:
        return job_id


ERRORS: dict[str, Exception] = {
    "own": Invalid("The learning rate is too high.", code="learning_rate_too_high", limit=0.01),
    "missing": NotFound("There is no job 7.", code="job_not_found"),
    "conflict": Conflict("The job has ended."),
    "busy": Conflict("Try again.", retryable=True, retry_after_s=2),
    "http": HTTPException(415, "Send multipart/form-data"),
    "bug": RuntimeError("password=hunter2 at /srv/app.py"),
    "database": DatabaseUnavailable("postgresql://user:pw@host is down"),
    "pool": sqlalchemy.exc.TimeoutError("QueuePool limit"),
    "refused": ConnectionRefusedError("127.0.0.1:4222"),
}


def problem_of(response: httpx.Response) -> Problem:
    assert response.headers["content-type"] == MEDIA_TYPE
    return Problem.model_validate(response.json())


async def test_own_error_has_every_member(client: httpx.AsyncClient) -> None:
    response = await client.get("/raise/own")
    problem = problem_of(response)
    assert response.status_code == problem.status == 422
    assert problem.type == "urn:brightrun:problem:learning_rate_too_high"
    assert problem.docs_url == "docs/errors.md#learning_rate_too_high"
    assert (problem.instance, problem.suggested_fix != "") == ("/raise/own", True)
    assert response.json()["limit"] == 0.01


@pytest.mark.parametrize(
    ("what", "status", "should_retry", "retry_after"),
    [
        ("missing", 404, "false", None),
        ("conflict", 409, "false", None),
        ("busy", 409, "true", "2"),
        ("http", 415, "false", None),
        ("database", 503, "true", "3"),
        ("pool", 503, "true", "1"),
        ("refused", 503, "true", "2"),
        ("bug", 500, "true", None),
    ],
)
async def test_retry_hints(
    client: httpx.AsyncClient, what: str, status: int, should_retry: str, retry_after: str | None
) -> None:
    response = await client.get(f"/raise/{what}")
    assert response.status_code == status == problem_of(response).status
    assert response.headers["x-should-retry"] == should_retry
    assert response.headers.get("retry-after") == retry_after


async def test_unexpected_error_shows_no_internals_but_a_trace_id(app: FastAPI, client: httpx.AsyncClient) -> None:
    from prometheus_client import CollectorRegistry

    from chassis.observability import tracing
    from chassis.observability.health import Health

    tracing.configure("test")
    observe(app, Health("test"), CollectorRegistry())
    response = await client.get("/raise/bug")
    assert "hunter2" not in response.text
    assert "app.py" not in response.text
    trace_id = problem_of(response).trace_id
    assert trace_id is not None
    assert trace_id in response.headers["traceparent"]


@pytest.mark.parametrize("what", ["database", "pool", "refused"])
async def test_dependency_errors_name_no_address(client: httpx.AsyncClient, what: str) -> None:
    text = (await client.get(f"/raise/{what}")).text
    assert "host" not in text
    assert "4222" not in text
    assert "QueuePool" not in text


async def test_validation_names_every_field_and_what_to_do(client: httpx.AsyncClient) -> None:
    response = await client.post("/jobs", json={"lora_rank": 0, "preset": "fast", "tags": [1, "x"], "nmae": "a"})
    errors = {error["field"]: error for error in response.json()["errors"]}
    assert response.status_code == 422
    assert problem_of(response).code == "validation_failed"
    assert errors["name"]["suggested_fix"] == "Add name."
    assert errors["lora_rank"]["suggested_fix"] == "Use 1 or more for lora_rank."
    assert errors["preset"]["suggested_fix"] == "Use 'balanced' or 'aggressive' for preset."
    assert errors["tags[1]"]["suggested_fix"] == "Send a whole number for tags[1]."
    assert "check its spelling" in errors["nmae"]["suggested_fix"]


async def test_validation_does_not_echo_input(client: httpx.AsyncClient) -> None:
    secret = "br_" + "a1" * 20
    response = await client.post("/jobs", json={"name": "x", "lora_rank": secret, "token": [secret]})
    assert response.status_code == 422
    assert secret not in response.text
    echoed = await client.post("/jobs", json={"name": "br_1234567", "lora_rank": 1})
    assert "br_1234567abc" not in echoed.text


async def test_broken_json_and_path_parameters(client: httpx.AsyncClient) -> None:
    broken = await client.post("/jobs", content=b'{"name": ', headers={"content-type": "application/json"})
    assert (broken.status_code, problem_of(broken).code) == (400, "invalid_json")
    path = (await client.get("/jobs/abc")).json()["errors"][0]
    assert (path["in"], path["field"]) == ("path", "job_id")


async def test_framework_errors_are_problems_too(client: httpx.AsyncClient) -> None:
    unknown = await client.get("/nowhere")
    assert (unknown.status_code, problem_of(unknown).code) == (404, "not_found")
    method = await client.delete("/jobs")
    assert (method.status_code, problem_of(method).code) == (405, "method_not_allowed")
    assert method.headers["allow"] == "POST"


async def test_error_after_the_first_byte_is_not_disguised(app: FastAPI, client: httpx.AsyncClient) -> None:
    from fastapi.responses import StreamingResponse

    async def body() -> "object":  # type: ignore[misc]
        yield b"half"
        raise RuntimeError("gone")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(body())  # type: ignore[arg-type]

    with pytest.raises(RuntimeError):
        await client.get("/stream")


def test_problem_travels_through_request_reply_unchanged() -> None:
    sent = ServiceUnavailable("No answer.", code="cost_guard_silent", retry_after_s=5, actions=["retry"])
    received = ProblemError.from_problem(Problem.model_validate_json(sent.to_problem().model_dump_json()))
    assert isinstance(received, ServiceUnavailable)
    assert (received.code, received.extra, received.headers) == (sent.code, sent.extra, sent.headers)
    with_errors = Invalid("Wrong.", errors=[{"field": "a", "message": "b"}])
    assert ProblemError.from_problem(with_errors.to_problem()).extra["errors"] == with_errors.extra["errors"]


async def test_openapi_documents_problems(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    create = schema["paths"]["/jobs"]["post"]["responses"]
    assert {"422", "409", "500", "503"} <= set(create)
    assert create["422"]["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    assert "404" in schema["paths"]["/jobs/{job_id}"]["get"]["responses"]
