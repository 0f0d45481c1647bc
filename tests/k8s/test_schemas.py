"""Every manifest is one that an API server of today takes: strictly, and no kind is unknown."""

import copy

import jsonschema_rs
import kubernetes_validate
import orjson
import pytest

from tests.k8s.crds.reduce import file_of, name_of
from tests.k8s.rendered import Document, label, named

pytestmark = pytest.mark.slow
# The oldest that the manifests are written for, and the newest that the validator knows.
VERSIONS = ("1.34", "1.37")


def refusals(document: Document, version: str) -> list[str]:
    """Why it would not be taken. A kind that neither Kubernetes nor tests/k8s/crds knows is refused."""
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{label(document)}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError:
        return _custom(document)
    return []


def _custom(document: Document) -> list[str]:
    path = file_of(name_of(document))
    if not path.exists():
        return [f"{label(document)}: nobody knows {name_of(document)}"]
    validator = jsonschema_rs.validator_for(orjson.loads(path.read_bytes()))
    return [f"{label(document)}: {error.message}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_taken(version: str, documents: list[Document]) -> None:
    assert [text for document in documents for text in refusals(document, version)] == []


def test_a_misspelt_field_is_refused(production: list[Document]) -> None:
    deployment = copy.deepcopy(named(production, "Deployment", "validator"))
    deployment["spec"]["template"]["spec"]["terminationGracePeriodSecond"] = 1
    [said] = refusals(deployment, "1.37")
    assert "terminationGracePeriodSecond" in said


def test_a_misspelt_field_of_a_custom_resource_is_refused(production: list[Document]) -> None:
    scaled = copy.deepcopy(named(production, "ScaledObject", "metrics-ingest"))
    scaled["spec"]["maxReplicas"] = scaled["spec"].pop("maxReplicaCount")
    [said] = refusals(scaled, "1.37")
    assert "maxReplicas" in said


def test_an_unknown_kind_is_refused() -> None:
    document = {"apiVersion": "keda.sh/v2", "kind": "ScaledObject", "metadata": {"name": "x"}}
    assert refusals(document, "1.37") == ["ScaledObject/x: nobody knows keda.sh/v2/ScaledObject"]
