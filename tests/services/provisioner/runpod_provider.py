"""The provider's configuration for a fake RunPod: the same rules with the patience of a test."""

from __future__ import annotations

from typing import Any

from services.provisioner.adapters.runpod.configuration import Configuration
from services.provisioner.settings import Settings
from tests.fake_runpod.server import FakeRunPod

_QUICK: dict[str, Any] = {"timeout_s": 1.0, "patience_s": 1.5, "list_max_age_s": 0.02, "look_every_s": 0.02,
                          "doubt_pause_s": 0.1, "list_lag_s": 2.0}


def configuration_for(runpod: FakeRunPod, **changes: Any) -> Configuration:
    return Configuration(**{
        "api_key": runpod.account.options.api_key, "image": "registry.example/brightrun-trainer:1",
        "speeds": Settings().runpod_gpu_speeds, "url": runpod.url, "graphql_url": f"{runpod.url}/graphql",
        **_QUICK, **changes})
