"""python -m tests.k8s.crds.reduce FOLDER: makes the schemas beside this file from the projects' own definitions.

FOLDER holds CustomResourceDefinitions as YAML files, of the versions that k8s/platform installs. Of each, only the
properties that a manifest uses are kept, with their own types, values and required neighbours: the result is short,
and a property that the definition does not have is refused. Run it again when a manifest uses another one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import yaml

from tests.k8s.rendered import OVERLAYS, Document, render

FOLDER = Path(__file__).parent
_KEPT = ("type", "enum", "pattern", "format", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


def reduced(schema: dict[str, Any], used: list[Any]) -> dict[str, Any]:
    """The schema of those values and nothing beyond. Raises KeyError for a property that it does not have."""
    kept = {key: schema[key] for key in _KEPT if key in schema}
    if schema.get("x-kubernetes-int-or-string"):
        kept["type"] = ["integer", "string"]
    if "items" in schema:
        kept["items"] = reduced(schema["items"], [item for value in used for item in value])
    if "properties" in schema:
        names = sorted({name for value in used for name in value})
        kept["properties"] = {name: reduced(schema["properties"][name], [v[name] for v in used if name in v])
                              for name in names}
        kept |= {"additionalProperties": False, "required": schema.get("required", [])}
    elif isinstance(more := schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = {key: more[key] for key in _KEPT if key in more}
    return kept


def definitions(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """`apiVersion/kind` -> its schema, for each version of each definition."""
    for path in sorted(folder.rglob("*.yaml")):
        for found in yaml.safe_load_all(path.read_text()):
            if isinstance(found, dict) and found.get("kind") == "CustomResourceDefinition":
                spec = found["spec"]
                for version in spec["versions"]:
                    name = f"{spec['group']}/{version['name']}/{spec['names']['kind']}"
                    yield name, version["schema"]["openAPIV3Schema"]


def name_of(document: Document) -> str:
    return f"{document['apiVersion']}/{document['kind']}"


def file_of(name: str) -> Path:
    return FOLDER / f"{name.replace('/', '_')}.json"


def _write(schemas: dict[str, dict[str, Any]], documents: Iterable[Document]) -> None:
    used: dict[str, list[Document]] = {}
    for document in documents:
        used.setdefault(name_of(document), []).append(document)
    for name in sorted(set(used) & set(schemas)):
        body = {key: value for key, value in schemas[name]["properties"].items() if key != "metadata"}
        values = [{key: value for key, value in document.items() if key != "metadata"} for document in used[name]]
        schema = reduced({**schemas[name], "properties": body}, values)
        schema["properties"]["metadata"] = {"type": "object"}
        file_of(name).write_bytes(orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        print(file_of(name).name)


if __name__ == "__main__":
    _write(dict(definitions(Path(sys.argv[1]))), (document for overlay in OVERLAYS for document in render(overlay)))
