"""The provider's own OpenAPI document, where it is at hand, and what it says of an exchange."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.fake_runpod import reclaim
from tests.fake_runpod.gate import Exchange

VARIABLE = "RUNPOD_OPENAPI"
_BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "data" / "runpod-v2" / "openapi.json"


def load_document() -> dict[str, Any]:
    """Skips the test when the document is not there: it is the provider's and not part of this repository."""
    document = find_document()
    if document is None:
        pytest.skip(f"RunPod's OpenAPI document is not at {_path()}; {VARIABLE} names another place")
    return document


def find_document() -> dict[str, Any] | None:
    return dict(_read(_path())) if _path().exists() else None


def _path() -> Path:
    return Path(os.environ.get(VARIABLE, _BESIDE_THE_CHECKOUT))


@cache
def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def violations(document: dict[str, Any], exchange: Exchange) -> list[str]:
    """What of this exchange the document does not allow. GraphQL and orders of faults are not in it."""
    if exchange.path in ("/graphql", reclaim.PATH):
        return []
    operation = _operation(document, exchange)
    if operation is None:
        return [f"{exchange.method} {exchange.path} is not documented"]
    found = _unknown_parameters(document, operation, exchange)
    if "requestBody" in operation and exchange.status not in (400, 422):
        schema = _resolved(document, operation["requestBody"])["content"]["application/json"]["schema"]
        found += _errors(schema, exchange.body, f"request {exchange.method} {exchange.path}")
    return found + _answer_violations(document, operation, exchange)


def _answer_violations(document: dict[str, Any], operation: dict[str, Any], exchange: Exchange) -> list[str]:
    where = f"{exchange.status} of {exchange.method} {exchange.path}"
    answer = operation["responses"].get(str(exchange.status)) or operation["responses"]["default"]
    content = _resolved(document, answer).get("content", {})
    media_type = exchange.content_type.partition(";")[0]
    if not content:
        return [f"{where} has a body"] if exchange.answer is not None else []
    if media_type not in content:
        return [f"{where} is {media_type}, not {list(content)}"]
    if exchange.answer is None:
        return []
    return _errors(content[media_type]["schema"], exchange.answer, where)


def _unknown_parameters(document: dict[str, Any], operation: dict[str, Any], exchange: Exchange) -> list[str]:
    known = {_resolved(document, parameter)["name"] for parameter in operation.get("parameters", [])}
    asked = {pair.partition("=")[0] for pair in exchange.query.split("&") if pair}
    return [f"{exchange.path} has no parameter {name}" for name in sorted(asked - known)]


def _operation(document: dict[str, Any], exchange: Exchange) -> dict[str, Any] | None:
    for template, methods in document["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), exchange.path):
            found = methods.get(exchange.method.lower())
            return dict(found) if found else None
    return None


def _resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    found: Any = value
    while "$ref" in found:
        at: Any = document
        for part in found["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        found = at
    return dict(found)


def _errors(schema: dict[str, Any], value: Any, where: str) -> list[str]:
    found = _validator(json.dumps(schema), _path()).iter_errors(value)
    return [f"{where}: {error.message}" for error in found]


@cache
def _validator(schema: str, path: Path) -> jsonschema_rs.Draft202012Validator:
    """Made once for each schema: with all components around it that takes a tenth of a second."""
    whole = {**json.loads(schema), "components": _read(path)["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
