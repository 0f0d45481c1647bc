"""What `kubectl kustomize` makes of an overlay, and short ways to what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from stack.layout import ROOT
from tests.k8s import tools

OVERLAYS = ("dev", "production", "gpu-nodes")
WORKLOADS = ("Deployment", "StatefulSet", "Job")
Document = dict[str, Any]


@cache
def text_of(overlay: str) -> str:
    done = tools.run(tools.kubectl(), "kustomize", ROOT / "k8s" / "overlays" / overlay)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # a warning: a field that kustomize will forget
    return done.stdout


def render(overlay: str) -> list[Document]:
    return [document for document in yaml.safe_load_all(text_of(overlay)) if document]


def named(documents: list[Document], kind: str, name: str) -> Document:
    return next(d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name)


def of_kind(documents: list[Document], *kinds: str) -> list[Document]:
    return [document for document in documents if document["kind"] in kinds]


def workloads(documents: list[Document]) -> list[Document]:
    return of_kind(documents, *WORKLOADS)


def pod(workload: Document) -> Document:
    return workload["spec"]["template"]["spec"]


def labels(workload: Document) -> Mapping[str, str]:
    return workload["spec"]["template"]["metadata"]["labels"]


def component(workload: Document) -> str:
    return labels(workload)["app.kubernetes.io/component"]


def containers(workload: Document) -> Iterator[Document]:
    yield from pod(workload).get("initContainers", [])
    yield from pod(workload)["containers"]


def label(document: Document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def environment(container: Document, documents: list[Document]) -> dict[str, str]:
    """The variables of a container; a ConfigMap that is not there is an error."""
    maps = [named(documents, "ConfigMap", source["configMapRef"]["name"]) for source in container.get("envFrom", [])]
    found = {name: value for each in maps for name, value in each["data"].items()}
    return found | {entry["name"]: entry["value"] for entry in container.get("env", [])}


def services(documents: list[Document]) -> dict[str, Document]:
    """Python name -> Deployment, of the product's services."""
    found = [d for d in of_kind(documents, "Deployment") if component(d) == "service"]
    return {d["metadata"]["name"].replace("-", "_"): d for d in found}
