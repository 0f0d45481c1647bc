"""F11: the object storage fails, dawdles, loses answers and sends half of them. A checkpoint counts when its manifest
is there, and comes back whole or not at all."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from contracts.rpc.pods import SignedUrl
from stack.parts import NatsPart, S3Part
from tests.fake_runpod.server import Listener
from tests.trainer_image.provisioner import Provisioner
from tests.trainer_image.test_checkpoints import Place
from tests.trainer_image.test_reporter import end
from trainer_image.objects import Objects

_ERROR = b"<Error><Code>InternalError</Code></Error>"
Fault = int | str | None


@dataclass
class Gateway:
    """Stands before the storage. `faults` are met by one request after the other (None: it passes), those of `always`
    by every request for a key that ends so; `passed` are methods and keys that reached the storage."""

    storage: str
    faults: list[Fault] = field(default_factory=list)
    always: dict[str, Fault] = field(default_factory=dict)
    passed: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        fault = next((found for end, found in self.always.items() if request.url.path.endswith(end)), None)
        fault = fault or (self.faults.pop(0) if self.faults else None)
        if isinstance(fault, int):
            await _send(send, fault, _ERROR)
        elif fault == "cut":
            await _send(send, 200, b"", promised=10)
        else:
            if fault == "slow":
                await asyncio.sleep(1.0)
            await self._pass(request, body, fault, send)

    async def _pass(self, request: Request, body: bytes, fault: Fault, send: Send) -> None:
        self.passed.append((request.method, request.url.path))
        headers = {"Host": urlsplit(self.storage).netloc}
        async with httpx.AsyncClient() as client:
            target = f"{self.storage}{request.url.path}?{request.url.query}"
            answer = await client.request(request.method, target, content=body, headers=headers)
        content = answer.content
        if fault == "damaged":
            content = content[:-1] + bytes([content[-1] ^ 1])
        kept = content[:len(content) // 2] if fault == "short" else b"" if fault == "lost" else content
        promised = max(len(content), 1) if fault in ("short", "lost") else None
        await _send(send, answer.status_code, kept, promised)


async def _send(send: Send, status: int, body: bytes, promised: int | None = None) -> None:
    """`promised`: more bytes than are sent; then the connection breaks."""
    length = str(len(body) if promised is None else promised).encode()
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body, "more_body": promised is not None})
    if promised is not None:
        raise ConnectionAbortedError("half an answer")


class BehindGateway(Provisioner):
    gateway_url = ""

    def sign(self, method: Any, area: str, key: str, job_id: UUID | None = None) -> SignedUrl:
        signed = super().sign(method, area, key, job_id)
        return signed.model_copy(update={"url": signed.url.replace(self.s3.endpoint, self.gateway_url)})


@dataclass
class Faulty:
    place: Place
    gateway: Gateway


@pytest_asyncio.fixture
async def faulty(topology: NatsPart, s3: S3Part, tmp_path: Path) -> AsyncIterator[Faulty]:
    async with Listener().running() as listener:
        gateway = Gateway(s3.endpoint)
        listener.app = gateway
        provisioner = BehindGateway(s3)
        provisioner.gateway_url = listener.url
        await provisioner.start(topology.url)
        place = Place(provisioner, topology.url, tmp_path)
        yield Faulty(place, gateway)
        await end(place.reporter)
        await provisioner.stop()


@pytest.mark.slow
async def test_a_checkpoint_passes_a_storage_that_fails_in_every_way(faulty: Faulty) -> None:
    place, gateway = faulty.place, faulty.gateway
    gateway.faults = [500, None, 503, None, "cut", None, "lost", None, "slow"]
    await place.save(place.snapshot(1))
    assert [saved["step"] for saved in place.published("checkpoint.saved")] == [1]
    assert gateway.passed[-1][1].endswith("manifest.json"), "the manifest goes last"
    assert not gateway.faults, "all of them were met"
    gateway.faults = [500, None, "short", None, "damaged", None, 503]
    found = await place.resume()
    assert (found.step, place.published("training.warning")) == (1, [])
    assert not gateway.faults


async def test_a_checkpoint_without_its_manifest_is_none(faulty: Faulty) -> None:
    place, gateway = faulty.place, faulty.gateway
    await place.save(place.snapshot(1))
    gateway.always = {"step-2/manifest.json": 500}
    place.checkpoints._objects = Objects(place.reporter, patience_s=1.0)
    await place.save(place.snapshot(2))
    assert [saved["step"] for saved in place.published("checkpoint.saved")] == [1]
    assert [warning["code"] for warning in place.published("training.warning")] == ["checkpoint_not_saved"]
    assert any("/a1/step-2/" in key for _, key in gateway.passed), "parts of it lie there"
    assert (await place.resume()).step == 1
