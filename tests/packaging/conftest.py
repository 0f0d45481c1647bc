"""The engine that builds and runs."""

from tests.images.podman import engine  # noqa: F401
