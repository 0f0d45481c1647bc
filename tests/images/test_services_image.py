"""The image of all services, really built: small, read-only, no root, and it stops when it is told to."""

import json
from pathlib import Path

import pytest

from stack.images.bill_of_materials import write_bill_of_materials
from stack.images.engine import Engine
from stack.images.services import stop_time, try_services
from tests.images.podman import TAGS, build_product

pytestmark = [pytest.mark.images, pytest.mark.timeout(1500), pytest.mark.xdist_group("images")]
# 68 MB of them are Typst, which makes the page's PDFs.
_LARGEST_BYTES = 490e6
_LONGEST_STOP_S = 2.0


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    build_product(engine, "services")
    return TAGS["services"]


def test_every_service_and_the_command_line_load(engine: Engine, image: str) -> None:
    loaded, *_ = try_services(engine, image)
    assert "uid 10001" in loaded


def test_it_is_small_and_holds_no_compiler_and_no_tests(engine: Engine, image: str) -> None:
    assert int(engine.output("inspect", "--format", "{{.Size}}", image).stdout) < _LARGEST_BYTES
    found = engine.python(image, "import importlib.util as u, shutil\n"
                          "print([u.find_spec(n) for n in ('torch', 'tests', 'trainer_image')], shutil.which('gcc'))")
    assert found == "[None, None, None] None"


def test_its_labels_name_the_version(engine: Engine, image: str) -> None:
    labels = json.loads(engine.output("inspect", "--format", "{{json .Config.Labels}}", image).stdout)
    found = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
    assert found["version"] == "0.1.0"
    assert {"title", "description", "version", "revision", "created", "base.name"} <= set(found)


def test_a_service_serves_without_its_database_and_stops_in_time_by_sigterm(engine: Engine, image: str) -> None:
    """On a read-only disk, as no root, without rights, ended with 0. The promise is the image's: one of five attempts
    keeps it however busy the machine is, and none does where the signal is not heard or something is waited for."""
    assert any(stop_time(engine, image) < _LONGEST_STOP_S for _ in range(5))


def test_its_bill_of_materials_names_what_is_in_it(engine: Engine, image: str, tmp_path: Path) -> None:
    path = write_bill_of_materials(engine, image, tmp_path)
    document = json.loads(path.read_text())
    names = {component["name"] for component in document["components"]}
    assert {"fastapi", "nats-py", "asyncpg", "libc6", "python3"} <= names
    assert not names & {"torch", "pytest", "gcc"}
    assert document["metadata"]["component"]["bom-ref"].removeprefix("sha256:") in (
        engine.output("inspect", "--format", "{{.Id}}", image).stdout)
