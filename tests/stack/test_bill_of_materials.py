"""The bill of materials of an image is CycloneDX, by the standard's own schema."""

import json
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest
from cyclonedx.output.json import JsonV1Dot6

from stack.images.bill_of_materials import Inventory, document

_FOUND = Inventory(
    python=[["FastAPI", "0.120.0", "MIT"], ["nats-py", "2.16.0", ""], ["odd_name", "1", "See the file LICENSE"]],
    debian=[["libc6", "2.36-9+deb12u10", "amd64"]], system={"ID": "debian", "VERSION_ID": "12"},
)


@pytest.fixture(scope="module")
def validator() -> Any:
    folder = files("cyclonedx.schema") / "_res"
    schemas = {name: json.loads((folder / name).read_text()) for name in (
        f"{title}.SNAPSHOT.schema.json" for title in ("spdx", "jsf-0.82", "bom-1.6"))}
    registry = jsonschema_rs.Registry(
        [(f"http://cyclonedx.org/schema/{name}", schema) for name, schema in schemas.items()])
    return jsonschema_rs.validator_for(schemas["bom-1.6.SNAPSHOT.schema.json"], registry=registry)


def _written() -> dict[str, Any]:
    return dict(json.loads(JsonV1Dot6(document("brightrun:1.2", "ab" * 32, _FOUND)).output_as_string()))


def test_it_is_valid_and_names_the_image(validator: Any) -> None:
    written = _written()
    validator.validate(written)
    assert written["metadata"]["component"] | {"type": "container", "name": "brightrun", "version": "1.2"} == (
        written["metadata"]["component"])
    assert written["metadata"]["component"]["bom-ref"] == f"sha256:{'ab' * 32}"


def test_the_schema_refuses_what_is_none(validator: Any) -> None:
    written = _written()
    del written["components"][0]["name"]
    assert not validator.is_valid(written)


def test_each_package_has_the_address_by_which_databases_know_it() -> None:
    found = {component["name"]: component for component in _written()["components"]}
    assert {component["purl"] for component in found.values()} == {
        "pkg:pypi/fastapi@0.120.0", "pkg:pypi/nats-py@2.16.0", "pkg:pypi/odd-name@1",
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12"}
    assert found["FastAPI"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert "licenses" not in found["nats-py"]


def test_the_image_depends_on_all_of_it() -> None:
    written = _written()
    [of_image] = [entry for entry in written["dependencies"] if entry["ref"].startswith("sha256:")]
    assert len(of_image["dependsOn"]) == len(written["components"]) == 4
