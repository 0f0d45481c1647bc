"""Fixtures every test may use; see tests/fixtures for what they promise."""

from hypothesis import settings

from tests.fixtures.databases import (  # noqa: F401
    empty_database,
    fresh_database,
    migrated_templates,
    new_empty_database,
)
from tests.fixtures.kubernetes import kubernetes, kubernetes_listener  # noqa: F401
from tests.fixtures.runpod import runpod, runpod_listener  # noqa: F401
from tests.fixtures.servers import (  # noqa: F401
    nats,
    nats_server,
    parts,
    postgres,
    postgres_server,
    s3,
    server_folder,
    start_part,
    valkey,
)
from tests.fixtures.services import environment_for, jetstream, settings_for, topology  # noqa: F401

# How long an example takes on a busy machine says nothing about it.
settings.register_profile("tests", settings(), deadline=None)
settings.load_profile("tests")
