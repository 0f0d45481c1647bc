"""The final events, kept beside the artifacts: the provisioner repeats those that did not arrive."""

import json
from collections.abc import Sequence
from typing import Any

from contracts.envelope import Event
from trainer_image.objects import Objects

RESULT_FILE = "result.json"


def upload_result(objects: Objects, attempt: int, events: Sequence[Event[Any]]) -> None:
    """A JSON list of the events exactly as they are published, ids included."""
    content = json.dumps([json.loads(event.to_bytes()) for event in events]).encode()
    objects.put_bytes("artifacts", f"a{attempt}/{RESULT_FILE}", content)
