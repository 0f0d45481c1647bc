"""Requests made from the OpenAPI document: one for each operation, with the smallest body that is valid."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import httpx

from services.job_api.paths import PREFIX


def example(schema: dict[str, Any], document: dict[str, Any]) -> Any:
    """The smallest valid value of a request body."""
    if "$ref" in schema:
        return example(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if "anyOf" in schema and "properties" not in schema:
        return example(schema["anyOf"][0], document)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        required = schema.get("required", []) + (schema["anyOf"][0]["required"] if "anyOf" in schema else [])
        return {name: example(schema["properties"][name], document) for name in required}
    plain = {"string": schema.get("examples", ["x"])[0], "integer": 1, "number": 1, "boolean": False}
    if schema.get("format") == "uuid":
        return str(uuid4())
    return [example(schema["items"], document)] if schema.get("type") == "array" else plain.get(schema.get("type"))


def path_with(path: str, ids: dict[str, str]) -> str:
    """The path below the API's root; an id that is not given is one of nothing."""
    return re.sub(r"\{(\w+)\}", lambda match: ids.get(match[1], unknown_id(match[1])), path).removeprefix(PREFIX)


def unknown_id(name: str) -> str:
    return "4711" if name == "sequence" else str(uuid4())


async def send(
    client: httpx.AsyncClient, method: str, path: str, operation: dict[str, Any], document: dict[str, Any],
    ids: dict[str, str] | None = None, **more: Any,
) -> httpx.Response:
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content and operation["requestBody"].get("required"):
        more["json"] = example(content["application/json"]["schema"], document)
    return await client.request(method, path_with(path, ids or {}), **more)
