"""Which methods an address takes: a framework names only those of the first route that has it."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.routing import compile_path

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


def allowed_methods(app: FastAPI, path: str, otherwise: str) -> str:
    """The `Allow` header as the OpenAPI document has it; `otherwise` for an address that stands in none."""
    paths: Mapping[str, Any] = app.openapi().get("paths", {})
    found = {method for template in _templates(paths, path) for method in paths[template] if method in _METHODS}
    return ", ".join(sorted(method.upper() for method in found)) or otherwise


def _templates(paths: Iterable[str], path: str) -> list[str]:
    """A literal path hides the templates that would match it, too."""
    if path in paths:
        return [path]
    return [template for template in paths if compile_path(template)[0].match(path)]
