"""podman, with settings that hold in a sandbox too."""

from collections.abc import Iterator

import pytest

from stack.images.engine import Engine
from tests.images.__main__ import SANDBOX


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    settings = tmp_path_factory.mktemp("podman") / "containers.conf"
    settings.write_text(SANDBOX)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", str(settings))
        yield Engine.find("podman")
