"""The `Idempotency-Key` header in the OpenAPI document of every POST."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A new UUID for each new request. Repeating the request with it has no second effect for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]*$"},
}


def document_header(app: FastAPI) -> None:
    generate: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        posts = [operations["post"] for operations in schema.get("paths", {}).values() if "post" in operations]
        for operation in posts:
            parameters = operation.setdefault("parameters", [])
            if _PARAMETER not in parameters:
                parameters.append(_PARAMETER)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
