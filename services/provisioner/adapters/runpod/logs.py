"""The log of a pod by byte offsets, out of a stream that has no end."""

from __future__ import annotations

import asyncio
from datetime import datetime

from services.provisioner.adapters.runpod.client import RunPodClient

# A stream that says nothing for so long has told what there is.
_IDLE_S = 1.0
_LONGEST_S = 6.0


async def read_log(client: RunPodClient, pod_id: str, since: datetime, offset: int, max_bytes: int) -> bytes:
    """Bytes from `offset`, counted from the pod's first line. Raises ProviderError."""
    text, lines = b"", client.log_lines(pod_id, since)
    deadline = asyncio.get_running_loop().time() + _LONGEST_S
    try:
        while len(text) < offset + max_bytes and asyncio.get_running_loop().time() < deadline:
            text += (await asyncio.wait_for(anext(lines), _IDLE_S)).encode() + b"\n"
    except (TimeoutError, StopAsyncIteration):
        pass
    return text[offset:offset + max_bytes]
