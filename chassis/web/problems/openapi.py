"""OpenAPI says what really comes back: problem documents, not FastAPI's default validation error."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from chassis.problems.errors import MEDIA_TYPE
from contracts.problem import Problem

_ALWAYS = {"500": "Unexpected error", "503": "A part of the system does not answer; see Retry-After"}
_WITH_BODY = {"400": "The body cannot be read, or the Idempotency-Key is not valid", "413": "The body is too large"}
_WITH_SECURITY = {
    "401": "Not authenticated", "403": "Authenticated, but the role does not allow it",
    "429": "More requests than allowed; see Retry-After and RateLimit",
}


def document_problems(app: FastAPI) -> None:
    """Wraps `app.openapi` so that each operation lists its problem responses under one `Problem` schema."""
    generate: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = with_problems(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def with_problems(schema: dict[str, Any]) -> dict[str, Any]:
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    for path, operations in schema.get("paths", {}).items():
        for method, operation in operations.items():
            if isinstance(operation, dict):
                _add_responses(path, method, operation)
    return schema


def _add_responses(path: str, method: str, operation: dict[str, Any]) -> None:
    """What a route declares of its own (`responses={402: {"description": ...}}`) is kept, and is a problem, too."""
    responses = operation.setdefault("responses", {})
    possible = dict(_ALWAYS)
    if operation.get("security"):
        possible |= _WITH_SECURITY
    if "{" in path:
        possible["404"] = "Not found in this workspace"
    if method == "post":
        possible["400"] = "The Idempotency-Key is not valid"
        possible["409"] = "Conflict with the current state, or Idempotency-Key used before with another body"
    if "requestBody" in operation:
        possible |= _WITH_BODY
    if _is_validation_error(responses.get("422", {})):
        responses.pop("422")
        possible["422"] = "The request is not valid; 'errors' names the fields"
    for status, description in possible.items():
        responses.setdefault(status, {"description": description})
    for status in (status for status in responses if status >= "400"):
        responses[status] = _problem_response(responses[status]["description"])


def _is_validation_error(response: dict[str, Any]) -> bool:
    """Whether it is the one that the framework adds to every operation with parameters or a body."""
    return "HTTPValidationError" in str(response)


def _problem_response(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
