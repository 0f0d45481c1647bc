"""Bodies have limits, and nobody's body is read before it is known who sends it."""

from __future__ import annotations

import asyncio
import resource

import pytest

from services.job_api.edge.bodies import LARGEST_BODY, LARGEST_WEBHOOK
from tests.services.job_api.webhook.test_webhook import deliver

CHUNK = b"x" * 65_536
PLENTY = 60_000_000


class Upload:
    """A request whose body goes on until the server answers or `PLENTY` was sent."""

    def __init__(self, api, path: str, *headers: str) -> None:
        self.host, _, port = api.url.removeprefix("http://").partition(":")
        self.port = int(port)
        self.head = "\r\n".join([
            f"POST /api/training{path} HTTP/1.1", f"host: {self.host}", "content-type: application/json", *headers])
        self.sent = 0

    async def chunked(self) -> int:
        return await self._send("transfer-encoding: chunked", b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK))

    async def declared(self) -> int:
        return await self._send(f"content-length: {PLENTY * 2}", CHUNK)

    async def _send(self, header: str, piece: bytes) -> int:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(f"{self.head}\r\n{header}\r\n\r\n".encode())
        answer = asyncio.create_task(reader.readline())
        try:
            async with asyncio.timeout(30):
                while not answer.done() and self.sent < PLENTY:
                    writer.write(piece)
                    self.sent += len(CHUNK)
                    await writer.drain()
                return int((await answer).split()[1])
        except ConnectionError:
            return int((await answer).split()[1])
        finally:
            writer.close()


@pytest.mark.parametrize("form", ["chunked", "declared"])
@pytest.mark.parametrize("path", ["/jobs", "/files", "/files/validate", "/api-keys", "/nothing"])
async def test_nothing_is_kept_of_what_a_stranger_sends(alone, path, form):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    upload = Upload(alone, path)
    assert await getattr(upload, form)() in (401, 413)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB


@pytest.mark.parametrize("form", ["chunked", "declared"])
async def test_a_member_s_endless_body_is_cut_off(alone, form):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    upload = Upload(alone, "/jobs", f"authorization: Bearer {alone.credentials['api_key']}")
    assert await getattr(upload, form)() == 413
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


@pytest.mark.parametrize("key", [{}, {"idempotency-key": "one"}])
async def test_the_limit_is_told(alone, key):
    body = {"training_file_id": "x", "notes": "n" * LARGEST_BODY}
    refused = await alone.client.post("/jobs", json=body, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")
    assert "1,048,576 bytes" in refused.json()["detail"]
    just_below = await alone.client.post("/jobs", content=b" " * LARGEST_BODY, headers=key)
    assert just_below.status_code in (400, 422)
    replayed = await alone.client.post("/jobs", content=b" " * (LARGEST_BODY + 1), headers=key)
    assert replayed.status_code == 413


async def test_training_files_have_their_own_limit(alone):
    several = b'{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes."}]}\n' * 30_000
    assert len(several) > 2 * LARGEST_BODY
    response = await alone.client.post("/files/validate", files={"file": ("f.jsonl", several)})
    assert response.status_code == 200, response.text


async def test_a_webhook_always_fits_into_a_message_of_the_broker(alone):
    assert LARGEST_WEBHOOK <= 900 * 1024
    response = await deliver(alone, b" " * (LARGEST_WEBHOOK + 1))
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")
