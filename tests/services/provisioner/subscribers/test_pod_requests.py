"""What a pod may ask, and what is refused."""

from __future__ import annotations

import hashlib
import json
from uuid import UUID, uuid4

import httpx
import pytest

from chassis.problems import Conflict, Forbidden, NotFound
from contracts.rpc import pods as rpc
from services.provisioner.domain.names import pod_name
from tests.services.provisioner.world import WORKSPACE, World, checkpoint, completed, sigterm


def sign(method: str, area: str, key: str, attempt: int = 1) -> rpc.SignUrls:
    item = rpc.ObjectRequest(method=method, area=area, key=key)  # type: ignore[arg-type]
    return rpc.SignUrls(attempt=attempt, objects=(item,))


async def test_signed_urls_write_and_read_the_jobs_objects(world: World) -> None:
    job_id = await world.started()
    put = (await world.ask(rpc.SIGN_URLS, sign("PUT", "artifacts", "a1/adapter/model.bin"), job_id)).urls[0]
    assert (put.bucket, put.object_key) == ("model-artifacts", f"{WORKSPACE}/{job_id}/a1/adapter/model.bin")
    assert put.expires_at > world.clock.now()
    get = (await world.ask(rpc.SIGN_URLS, sign("GET", "artifacts", "a1/adapter/model.bin"), job_id)).urls[0]
    async with httpx.AsyncClient() as client:
        assert (await client.put(put.url, content=b"weights")).is_success
        assert (await client.get(get.url)).content == b"weights"


async def test_the_training_file_is_the_jobs_own_whatever_the_key_says(world: World) -> None:
    job_id = await world.started()
    url = (await world.ask(rpc.SIGN_URLS, sign("GET", "training_file", "../../other"), job_id)).urls[0]
    assert (url.bucket, url.object_key) == ("training-files", "files/normalised.jsonl")
    with pytest.raises(Forbidden):
        await world.ask(rpc.SIGN_URLS, sign("PUT", "training_file", ""), job_id)


@pytest.mark.parametrize("key", [
    "a1/../../other/x", "/a1/x", "a1//x", "a1/./x", "x", "a1", "b1/x", "a1/x y", "a1/x%2e%2e", "a1/\\x", "", "a0/x",
    "a1/x\n",
])
async def test_keys_outside_of_the_job_are_refused(world: World, key: str) -> None:
    job_id = await world.started()
    for method in ("GET", "PUT"):
        with pytest.raises(Forbidden):
            await world.ask(rpc.SIGN_URLS, sign(method, "checkpoints", key), job_id)


async def test_an_attempt_writes_only_below_its_own_folder(world: World) -> None:
    job_id = await world.started()
    await world.deliver(sigterm(job_id))
    await world.settle(6)
    await world.ask(rpc.SIGN_URLS, sign("GET", "checkpoints", "a1/step-1/x", attempt=2), job_id)
    with pytest.raises(Forbidden):
        await world.ask(rpc.SIGN_URLS, sign("PUT", "checkpoints", "a1/step-1/x", attempt=2), job_id)
    with pytest.raises(Conflict) as old:
        await world.ask(rpc.SIGN_URLS, sign("GET", "checkpoints", "a1/step-1/x", attempt=1), job_id)
    assert old.value.code == "attempt_superseded"
    with pytest.raises(Conflict):
        await world.ask(rpc.SIGN_URLS, sign("GET", "checkpoints", "a1/step-1/x", attempt=3), job_id)


async def test_a_finished_attempt_may_close_in_peace_and_an_ended_job_may_not(world: World) -> None:
    job_id = await world.started()
    await world.deliver(completed(job_id))
    await world.ask(rpc.SIGN_URLS, sign("PUT", "artifacts", "a1/result.json"), job_id)
    await world.settle(20)
    with pytest.raises(Conflict):
        await world.ask(rpc.SIGN_URLS, sign("PUT", "artifacts", "a1/result.json"), job_id)


async def test_an_unknown_job_gets_nothing(world: World) -> None:
    with pytest.raises(Conflict):
        await world.ask(rpc.LIST_CHECKPOINTS, rpc.ListCheckpoints(attempt=1), uuid4())


async def test_checkpoints_are_offered_newest_first(world: World) -> None:
    job_id = await world.started()
    for step in (100, 300, 200):
        await world.deliver(checkpoint(job_id, step))
    await world.deliver(sigterm(job_id))
    await world.settle(6)
    await world.deliver(checkpoint(job_id, 300, attempt=2))
    offers = (await world.ask(rpc.LIST_CHECKPOINTS, rpc.ListCheckpoints(attempt=2), job_id)).checkpoints
    assert [(offer.attempt, offer.step) for offer in offers] == [(2, 300), (1, 300), (1, 200), (1, 100)]
    assert offers[-1].manifest_key == "a1/step-100/manifest.json"


def manifest(job_id: object, step: int, **changes: object) -> bytes:
    file = {"path": "x", "key": f"{WORKSPACE}/{job_id}/a1/step-{step}/x", "size_bytes": 1, "sha256": "ab"}
    return json.dumps({"job_id": str(job_id), "attempt": 1, "step": step, "files": [file],
                       "saved_at": "2026-01-01T00:00:00Z", **changes}).encode()


async def test_a_checkpoint_nobody_heard_of_is_offered_to_the_next_attempt(world: World) -> None:
    job_id = await world.started()
    await world.deliver(checkpoint(job_id, 100))
    for step, content in ((200, manifest(job_id, 200)), (300, manifest(uuid4(), 300)), (400, b"half of it")):
        key = f"{WORKSPACE}/{job_id}/a1/step-{step}/manifest.json"
        await world.objects.put_bytes("training-checkpoints", key, content)
    await world.deliver(sigterm(job_id))
    await world.settle(6)
    offers = (await world.ask(rpc.LIST_CHECKPOINTS, rpc.ListCheckpoints(attempt=2), job_id)).checkpoints
    assert [offer.step for offer in offers] == [200, 100]
    assert offers[0].manifest_sha256 == hashlib.sha256(manifest(job_id, 200)).hexdigest()
    assert (await world.job(job_id)).best_step == 200


async def test_the_newest_checkpoint_is_never_deleted(world: World) -> None:
    job_id = await world.started()
    for step in (100, 200):
        await world.deliver(checkpoint(job_id, step))
    oldest = rpc.DeleteCheckpoint(attempt=1, checkpoint_attempt=1, step=100)
    await world.ask(rpc.DELETE_CHECKPOINT, oldest, job_id)
    await world.ask(rpc.DELETE_CHECKPOINT, oldest, job_id)
    with pytest.raises(Conflict):
        await world.ask(rpc.DELETE_CHECKPOINT, oldest.model_copy(update={"step": 200}), job_id)
    offers = (await world.ask(rpc.LIST_CHECKPOINTS, rpc.ListCheckpoints(attempt=1), job_id)).checkpoints
    assert [offer.step for offer in offers] == [200]


async def test_pods_and_logs_are_shown_to_their_workspace_only(world: World) -> None:
    job_id = await world.started()
    await world.deliver(sigterm(job_id))
    await world.settle(6)
    world.provider.logs[pod_name(job_id, 2)] = b"line one\nline two\n"
    shown = (await world.ask(rpc.JOB_PODS, rpc.JobPodsQuery(job_id=job_id, workspace_id=WORKSPACE))).pods
    assert [(pod.attempt, pod.status) for pod in shown] == [(1, "terminated"), (2, "running")]
    page = await world.ask(rpc.POD_LOG, rpc.LogQuery(job_id=job_id, workspace_id=WORKSPACE, max_bytes=8))
    assert (page.attempt, page.text, page.next_offset, page.end) == (2, "line one", 8, False)
    stranger = UUID(int=7)
    assert (await world.ask(rpc.JOB_PODS, rpc.JobPodsQuery(job_id=job_id, workspace_id=stranger))).pods == ()
    with pytest.raises(NotFound):
        await world.ask(rpc.POD_LOG, rpc.LogQuery(job_id=job_id, workspace_id=stranger, attempt=1))
