"""Which machines jobs get (`BRIGHTRUN_PROVIDER`). The services are told; `fake-runpod` is the stack's own affair."""

from __future__ import annotations

import os

VARIABLE = "BRIGHTRUN_PROVIDER"
# The RunPod of the tests beside the services, which take it for the real one.
FAKE_RUNPOD = "fake-runpod"
# The program of this name in the stack.
FAKE_RUNPOD_PROGRAM = "fake_runpod"


def fake_runpod_is_wanted() -> bool:
    return os.environ.get(VARIABLE, "") == FAKE_RUNPOD
