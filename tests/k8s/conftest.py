"""The overlays, rendered once; the program that renders them is fetched where it is not there yet."""

import pytest

from tests.images.podman import engine  # noqa: F401
from tests.k8s.rendered import OVERLAYS, Document, render
from tests.k8s.rules import told


@pytest.fixture(params=OVERLAYS)
def documents(request: pytest.FixtureRequest) -> list[Document]:
    return render(request.param)


@pytest.fixture
def production() -> list[Document]:
    """A new copy each time: a test may spoil it."""
    return render("production")


@pytest.fixture
def dev() -> list[Document]:
    return render("dev")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Secret -> its keys and values, as `python -m ops.secrets` makes them."""
    return told.made_secrets(tmp_path_factory.mktemp("secrets"))
