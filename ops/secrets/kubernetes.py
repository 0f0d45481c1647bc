"""The same folders as Secrets of Kubernetes: one for each service, its files as keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from ops.secrets.consumers import Folder


def manifest(folders: Iterable[Folder], namespace: str) -> str:
    """A List in JSON, which kubectl takes like YAML: `... --kubernetes | kubectl apply -f -`."""
    items = [_secret(folder, namespace) for folder in folders if folder.files]
    return orjson.dumps({"apiVersion": "v1", "kind": "List", "items": items}, option=orjson.OPT_INDENT_2).decode()


def secret_name(folder: str) -> str:
    return f"brightrun-{folder.replace('_', '-')}"


def _secret(folder: Folder, namespace: str) -> dict[str, Any]:
    metadata = {"name": secret_name(folder.name), "namespace": namespace,
                "labels": {"app.kubernetes.io/part-of": "brightrun"}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "stringData": folder.files}
