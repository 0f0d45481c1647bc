"""The manifests of the trainers' namespace: valid, and no right more or less than the provider uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate
from pydantic import TypeAdapter

from services.provisioner.kubernetes_settings import KubernetesSettings
from tests.fake_kubernetes.schemas import OPERATIONS, VERSIONS

FOLDER = Path(__file__).parents[4] / "k8s" / "components" / "kubernetes-provider"
_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}


def documents(*names: str) -> list[dict[str, Any]]:
    return [document for name in names for document in yaml.safe_load_all((FOLDER / name).read_text())]


ALL = documents("network.yaml", "namespace/namespace.yaml", "namespace/access.yaml", "namespace/network.yaml")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", ALL, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_the_manifests_are_as_published(document: dict[str, Any], version: str) -> None:
    validate(document, version, strict=True)


def test_the_role_allows_what_the_provider_asks_for_and_nothing_else() -> None:
    (role,) = (one for one in ALL if one["kind"] == "Role")
    allowed = {(group, resource, verb) for rule in role["rules"] for group in rule["apiGroups"]
               for resource in rule["resources"] for verb in rule["verbs"]}
    asked = {right_of(one.method, one.path) for one in OPERATIONS}
    assert allowed == asked


def right_of(method: str, path: str) -> tuple[str, str, str]:
    """As the API server authorises it: a list is a GET of a collection."""
    group = "batch" if path.startswith("/apis/batch/") else ""
    parts = re.sub(r".*/namespaces/\[\^/\]\+/", "", path).split("/")
    resource = parts[0] + ("/log" if parts[-1] == "log" else "")
    verb = _VERBS.get(method) or ("get" if len(parts) > 1 else "list")
    return group, resource, verb


def test_trainers_are_reached_by_nobody_and_do_not_reach_the_nodes_metadata() -> None:
    (policy,) = (one for one in ALL if one["metadata"]["name"] == "trainers")
    assert policy["spec"]["podSelector"] == {}
    assert policy["spec"]["ingress"] == []
    (outside,) = (rule for rule in policy["spec"]["egress"] if "ipBlock" in rule["to"][0])
    assert "169.254.0.0/16" in outside["to"][0]["ipBlock"]["except"]
    assert outside["ports"] == [{"port": 443}]


def test_every_variable_is_a_setting_and_its_example_can_be_read() -> None:
    (patch,) = documents("provisioner.yaml")
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    given = {one["name"]: one["value"] for one in container["env"]}
    known = {f"BRIGHTRUN_{name.upper()}" for name in KubernetesSettings.model_fields} | {"BRIGHTRUN_POD_NATS_URL"}
    assert set(given) <= known
    field = KubernetesSettings.model_fields["kubernetes_gpus"]
    gpus = TypeAdapter(field.annotation).validate_json(given["BRIGHTRUN_KUBERNETES_GPUS"])
    assert [nodes.on_demand.usd_per_hour for nodes in gpus.values()] == [2.5]
