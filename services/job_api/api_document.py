"""docs/api.md, made from the OpenAPI document."""

from pathlib import Path
from typing import Any

_HEAD = (Path(__file__).parent / "api_head.md").read_text()


def api_document(openapi: dict[str, Any]) -> str:
    """One table for each tag, in the order of the paths."""
    tables: dict[str, list[str]] = {}
    for path, item in openapi["paths"].items():
        for method, operation in item.items():
            tag = (operation.get("tags") or ["other"])[0]
            words = " ".join((operation.get("description") or operation.get("summary") or "").split("\n\n")[0].split())
            tables.setdefault(tag, []).append(f"| `{method.upper()} {path}` | {words} |")
    parts = [
        f"## {tag.capitalize()}\n\n| request | does |\n| --- | --- |\n" + "\n".join(rows)
        for tag, rows in tables.items()
    ]
    return _HEAD + "\n" + "\n\n".join(parts) + "\n"
