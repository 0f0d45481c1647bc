"""A RunPod without machines."""

from __future__ import annotations

from stack.parts.fake_provider import FakeProviderPart
from stack.provider import FAKE_RUNPOD_PROGRAM


class FakeRunPodPart(FakeProviderPart):
    name = FAKE_RUNPOD_PROGRAM
    title, secret = "RunPod", "api-key"

    def service_environment(self) -> dict[str, str]:
        """A reclaimed machine is to be seen at once."""
        return {
            "BRIGHTRUN_PROVIDER": "runpod",
            "BRIGHTRUN_RUNPOD_URL": self.url,
            "BRIGHTRUN_RUNPOD_API_KEY_FILE": str(self.secret_file),
            "BRIGHTRUN_RUNPOD_IMAGE": "the-trainer-of-this-checkout",
            "BRIGHTRUN_RUNPOD_LOOK_EVERY_S": "1",
        }
