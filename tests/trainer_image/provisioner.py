"""A small provisioner: answers a pod's questions over the real broker and the real storage."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import nats
import obstore
from nats.aio.client import Client
from nats.aio.msg import Msg
from obstore.store import S3Store

from contracts.events import CheckpointSaved
from contracts.pod_environment import PodSpec
from contracts.registry import parse_event
from contracts.rpc.pods import (
    DELETE_CHECKPOINT,
    HEARTBEAT,
    LIST_CHECKPOINTS,
    SIGN_URLS,
    CheckpointOffer,
    DeleteCheckpoint,
    Done,
    HeartbeatReply,
    ListCheckpointsReply,
    SignedUrl,
    SignUrls,
    SignUrlsReply,
)
from stack.parts import S3Part

BUCKETS = {"training_file": "training-files", "checkpoints": "training-checkpoints", "artifacts": "model-artifacts"}


@dataclass
class Provisioner:
    """`offers` newest first, as learnt from `checkpoint.saved`; `asked` counts the questions."""

    s3: S3Part
    job_id: UUID = field(default_factory=uuid4)
    workspace_id: UUID = field(default_factory=uuid4)
    directive: str = "continue"
    offers: list[CheckpointOffer] = field(default_factory=list)
    deleted: list[tuple[int, int]] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    client: Client | None = None

    async def start(self, url: str, **options: Any) -> None:
        self.client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, **options)
        for rpc, answer in ((HEARTBEAT, self.on_heartbeat), (SIGN_URLS, self.on_sign_urls),
                            (LIST_CHECKPOINTS, self.on_list), (DELETE_CHECKPOINT, self.on_delete)):
            # A secured broker lets the service subscribe to all jobs at once only.
            subject = rpc.subject_filter if options else rpc.subject(self.job_id)
            await self.client.subscribe(subject, "provisioner", cb=self.answering(rpc.method, answer))
        if not options:
            await self.client.subscribe(f"checkpoint.saved.{self.job_id}", cb=self.on_saved)
        await self.client.flush()

    async def stop(self) -> None:
        if self.client is not None:
            await self.client.close()

    def answering(self, method: str, answer: Any) -> Any:
        async def on_message(message: Msg) -> None:
            self.asked[method] += 1
            await message.respond(answer(message.data).model_dump_json().encode())

        return on_message

    def on_heartbeat(self, data: bytes) -> HeartbeatReply:
        return HeartbeatReply(directive=self.directive)  # type: ignore[arg-type]

    def on_sign_urls(self, data: bytes) -> SignUrlsReply:
        request = SignUrls.model_validate_json(data)
        return SignUrlsReply(urls=tuple(
            self.sign(item.method, item.area, item.key, item.job_id) for item in request.objects))

    def sign(self, method: Any, area: str, key: str, job_id: UUID | None = None) -> SignedUrl:
        object_key, expires = self.object_key(area, key), timedelta(minutes=5)
        if job_id is not None:
            object_key = object_key.replace(str(self.job_id), str(job_id))
        return SignedUrl(
            area=area, key=key, bucket=BUCKETS[area], object_key=object_key,
            url=obstore.sign(self.store(area), method, object_key, expires), expires_at=datetime.now(UTC) + expires)

    def on_list(self, data: bytes) -> ListCheckpointsReply:
        return ListCheckpointsReply(checkpoints=tuple(self.offers))

    def on_delete(self, data: bytes) -> Done:
        request = DeleteCheckpoint.model_validate_json(data)
        self.deleted.append((request.checkpoint_attempt, request.step))
        self.offers = [offer for offer in self.offers if (offer.attempt, offer.step) not in self.deleted]
        return Done()

    async def on_saved(self, message: Msg) -> None:
        saved: CheckpointSaved = parse_event(message.data).data
        offer = CheckpointOffer(attempt=saved.attempt, step=saved.step, manifest_sha256=saved.manifest_sha256,
                                manifest_key=f"a{saved.attempt}/step-{saved.step}/manifest.json")
        if offer not in self.offers:
            self.offers.insert(0, offer)

    def object_key(self, area: str, key: str) -> str:
        return f"{self.workspace_id}/{self.job_id}/{key}"

    def store(self, area: str) -> S3Store:
        return S3Store(BUCKETS[area], endpoint=self.s3.endpoint, access_key_id=self.s3.access_key,
                       secret_access_key=self.s3.secret_key, region=self.s3.region,
                       client_options={"allow_http": True}, virtual_hosted_style_request=False)

    def put(self, area: str, key: str, data: bytes) -> str:
        obstore.put(self.store(area), self.object_key(area, key), data)
        return hashlib.sha256(data).hexdigest()

    def get(self, area: str, key: str) -> bytes:
        return bytes(obstore.get(self.store(area), self.object_key(area, key)).bytes())

    def result(self, attempt: int = 1) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = json.loads(self.get("artifacts", f"a{attempt}/result.json"))
        return content

    def spec(self, nats_url: str, **values: Any) -> PodSpec:
        attempt = values.setdefault("attempt", 1)
        return PodSpec(**{
            "job_id": self.job_id, "workspace_id": self.workspace_id,
            "pod_name": f"job-{self.job_id}-a{attempt}", "nats_url": nats_url, "max_duration_s": 600, **values})
