"""Which machines jobs get (`BRIGHTRUN_PROVIDER`). The services are told; the fakes are the stack's own affair."""

from __future__ import annotations

import os

VARIABLE = "BRIGHTRUN_PROVIDER"
# The provider of the tests beside the services, which take it for the real one: what is wanted -> the stack's program.
FAKE_RUNPOD, FAKE_KUBERNETES = "fake-runpod", "fake-kubernetes"
FAKE_RUNPOD_PROGRAM, FAKE_KUBERNETES_PROGRAM = "fake_runpod", "fake_kubernetes"
FAKE_PROGRAMS = {FAKE_RUNPOD: FAKE_RUNPOD_PROGRAM, FAKE_KUBERNETES: FAKE_KUBERNETES_PROGRAM}


def wanted_fake() -> str:
    """`fake-runpod`, `fake-kubernetes`, or empty."""
    wanted = os.environ.get(VARIABLE, "")
    return wanted if wanted in FAKE_PROGRAMS else ""
