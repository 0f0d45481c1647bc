"""Kubernetes' published schemas (of the package kubernetes-validate), and what they say of an exchange.

The schemas are of objects. Which operations there are, and with which parameters, stands below as the same OpenAPI
document of Kubernetes 1.34 and newer has it.
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

# The oldest version that this provider is for, and the newest that the package knows.
VERSIONS = ("1.34", "1.37")
_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_LIST = frozenset({"labelSelector", "fieldSelector", "limit", "continue", "resourceVersion"})
_STATUS = f"{_META}.Status"


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; `answer` None: it was no JSON, or none came."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any
    status: int
    answer: Any


@dataclass(frozen=True)
class Operation:
    """`takes` and `gives` are names of schemas; `gives` empty: text."""

    method: str
    path: str
    query: frozenset[str]
    gives: str
    takes: str = ""
    content_type: str = "application/json"
    statuses: tuple[int, ...] = (200,)


_JOBS, _CORE = r"/apis/batch/v1/namespaces/[^/]+/jobs", r"/api/v1/namespaces/[^/]+"
_JOB, _POD, _V1 = "io.k8s.api.batch.v1.Job", "io.k8s.api.core.v1.Pod", "io.k8s.api.core.v1"
_MADE, _ENDED = (200, 201, 202), (200, 202)
_NEW = frozenset({"dryRun", "fieldManager", "fieldValidation", "pretty"})
_END = frozenset({"dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy", "pretty"})
_LOG = frozenset({"container", "follow", "limitBytes", "previous", "sinceSeconds", "tailLines", "timestamps"})
OPERATIONS = (
    Operation("GET", _JOBS, _LIST, f"{_JOB}List"),
    Operation("POST", _JOBS, _NEW, _JOB, _JOB, statuses=_MADE),
    Operation("PATCH", rf"{_JOBS}/[^/]+", _NEW | {"force"}, _JOB, _JOB, "application/merge-patch+json", (200, 201)),
    Operation("DELETE", rf"{_JOBS}/[^/]+", _END, _STATUS, f"{_META}.DeleteOptions", statuses=_ENDED),
    Operation("GET", rf"{_CORE}/pods", _LIST, f"{_POD}List"),
    Operation("DELETE", rf"{_CORE}/pods/[^/]+", _END, _POD, f"{_META}.DeleteOptions", statuses=_ENDED),
    Operation("GET", rf"{_CORE}/pods/[^/]+/log", _LOG, ""),
    Operation("POST", rf"{_CORE}/secrets", _NEW, f"{_V1}.Secret", f"{_V1}.Secret", statuses=_MADE),
    Operation("GET", rf"{_CORE}/events", _LIST, f"{_V1}.EventList"),
)


def violations(exchange: Exchange) -> list[str]:
    """What of this exchange the published interface does not allow."""
    operation = operation_of(exchange.method, exchange.path)
    if operation is None:
        return [f"{exchange.method} {exchange.path} is no operation"]
    where = f"{exchange.method} {exchange.path}"
    found = [f"{where} has no parameter {name}" for name in exchange.query if name not in operation.query]
    if exchange.body is not None:
        partial = exchange.method == "PATCH"
        found += [f"{where}: {error}" for error in errors(operation.takes, exchange.body, partial=partial)]
        if exchange.content_type != operation.content_type:
            found.append(f"{where} is {exchange.content_type}")
    if exchange.answer is None:
        return found
    fine = exchange.status in operation.statuses
    schema = operation.gives if fine else _STATUS
    return found + [f"{exchange.status} of {where}: {error}" for error in errors(schema, exchange.answer)]


def operation_of(method: str, path: str) -> Operation | None:
    return next((one for one in OPERATIONS if one.method == method and re.fullmatch(one.path, path)), None)


def errors(schema: str, document: Any, *, partial: bool = False) -> list[str]:
    """In any of the versions; unknown fields count. Of a patch only the names and types of its fields are looked at."""
    found = {}
    for version in VERSIONS:
        for error in _validator(schema, version).iter_errors(document):
            if not (partial and "required" in error.message):
                found[f"{'.'.join(map(str, error.instance_path))}: {error.message[:300]}"] = None
    return list(found)


@cache
def _validator(schema: str, version: str) -> jsonschema_rs.Draft202012Validator:
    definitions = _definitions(version)
    whole = {"$ref": f"#/$defs/{schema}", "$defs": definitions}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


@cache
def _definitions(version: str) -> dict[str, Any]:
    spec = importlib.util.find_spec("kubernetes_validate")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "kubernetes-json-schema" / f"v{version}.0-local-strict" / "_definitions.json"
    text = path.read_text().replace("/api/_definitions.json#/", "#/")
    return dict(json.loads(text)["$defs"])
