"""podman, with settings that hold in a sandbox too, and the product's images as the tests build them with it.

No registry is asked: the base is a minimal Debian of this machine's release. Unchanged layers are taken from earlier
builds.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.images.build import build
from stack.images.engine import Engine
from stack.images.services import services
from tests.images.__main__ import PYTHON_BASE, SANDBOX, Builder

# Target of the Dockerfile -> the tag that the tests give it.
TAGS = {"services": "localhost/brightrun:test", "page": "localhost/brightrun-page:test",
        "local": "localhost/brightrun-local:test",
        "ops": "localhost/brightrun-ops:test"}


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    settings = tmp_path_factory.mktemp("podman") / "containers.conf"
    settings.write_text(SANDBOX)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", str(settings))
        yield Engine.find("podman")


def build_product(engine: Engine, *targets: str) -> None:
    """Of this checkout, under TAGS. Raises StackError."""
    if engine.output("image", "exists", PYTHON_BASE).returncode != 0:
        Builder(engine.program).build_base(PYTHON_BASE, "python3", "python3-venv", "ca-certificates")
    for target in targets:
        build(engine, services(TAGS[target], PYTHON_BASE, target))
