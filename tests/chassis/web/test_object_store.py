"""Against the real S3 gateway: streams of any size, nothing half written, errors in our own words."""

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.objects.store import PART_BYTES, ObjectNotFound, ObjectStore, ObjectStoreUnavailable
from chassis.problems import PayloadTooLarge
from chassis.settings import ServiceSettings
from stack.parts import free_port

BUCKET = "training-files"


@pytest.fixture
def store(settings_for: Callable[..., dict[str, Any]]) -> ObjectStore:
    return ObjectStore(ServiceSettings(**settings_for("job_api")))


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return f"test/{tmp_path.name}"


async def chunks(total: int, size: int = 64 * 1024, fail_at: int | None = None) -> AsyncIterator[bytes]:
    sent, block = 0, os.urandom(size)
    while sent < total:
        if fail_at is not None and sent >= fail_at:
            raise ConnectionResetError("the browser went away")
        part = block[: total - sent]
        sent += len(part)
        yield part


async def hashed(source: AsyncIterator[bytes], into: Any) -> AsyncIterator[bytes]:
    async for chunk in source:
        into.update(chunk)
        yield chunk


@pytest.mark.parametrize(
    "size", [0, 1, 100_000, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 3 * PART_BYTES + 12_345]
)
async def test_streams_of_any_size(store: ObjectStore, folder: str, size: int) -> None:
    expected = hashlib.sha256()
    stored = await store.put_stream(BUCKET, f"{folder}/file", hashed(chunks(size), expected))
    assert (stored.size, stored.sha256) == (size, expected.hexdigest())
    read = hashlib.sha256()
    async for chunk in await store.get_stream(BUCKET, f"{folder}/file"):
        read.update(chunk)
    assert read.hexdigest() == expected.hexdigest()
    assert (await store.head(BUCKET, f"{folder}/file")).size == size


async def test_a_broken_upload_leaves_nothing(store: ObjectStore, folder: str) -> None:
    with pytest.raises(ConnectionResetError, match="browser"):
        await store.put_stream(BUCKET, f"{folder}/broken", chunks(4 * PART_BYTES, fail_at=2 * PART_BYTES))
    assert not await store.exists(BUCKET, f"{folder}/broken")


@pytest.mark.parametrize("limit", [1000, 2 * PART_BYTES])
async def test_too_large_is_refused_while_streaming(store: ObjectStore, folder: str, limit: int) -> None:
    with pytest.raises(PayloadTooLarge):
        await store.put_stream(BUCKET, f"{folder}/large", chunks(4 * PART_BYTES), max_bytes=limit)
    assert not await store.exists(BUCKET, f"{folder}/large")


async def test_bytes_copy_list_delete(store: ObjectStore, folder: str) -> None:
    await store.put_bytes(BUCKET, f"{folder}/a/1.json", b"{}", content_type="application/json")
    await store.put_bytes(BUCKET, f"{folder}/a/2.json", b"[]")
    await store.put_bytes(BUCKET, f"{folder}/ab/3.json", b"[]")
    await store.copy(BUCKET, f"{folder}/a/1.json", f"{folder}/b/1.json")
    assert [item.key for item in await store.list(BUCKET, f"{folder}/a")] == [
        f"{folder}/a/1.json",
        f"{folder}/a/2.json",
    ]
    assert await store.get_bytes(BUCKET, f"{folder}/b/1.json") == b"{}"
    await store.delete(BUCKET, f"{folder}/a/1.json")
    await store.delete(BUCKET, f"{folder}/a/1.json")
    assert not await store.exists(BUCKET, f"{folder}/a/1.json")


async def test_presigned_urls(store: ObjectStore, folder: str) -> None:
    key = f"{folder}/presigned"
    async with httpx.AsyncClient() as http:
        put = await store.presign("PUT", BUCKET, key, 60)
        assert (await http.put(put, content=b"from a pod")).status_code == 200
        assert (await http.get(await store.presign("GET", BUCKET, key, 60))).content == b"from a pod"
        other_object = put.replace("presigned?", "other?")
        assert (await http.put(other_object, content=b"x")).status_code == 403
        assert (await http.get(put)).status_code == 403  # only the signed method
    with pytest.raises(ValueError, match="expires_s"):
        await store.presign("GET", BUCKET, key, 8 * 24 * 3600)


async def test_presigned_urls_carry_the_public_address(settings_for: Callable[..., dict[str, Any]]) -> None:
    settings = ServiceSettings(**settings_for("provisioner", s3_public_endpoint="https://objects.example.com"))
    url = await ObjectStore(settings).presign("GET", BUCKET, "k", 60)
    assert url.startswith("https://objects.example.com/training-files/k?")


async def test_missing_objects(store: ObjectStore, folder: str) -> None:
    for attempt in (store.get_bytes, store.get_stream, store.head):
        with pytest.raises(ObjectNotFound) as caught:
            await attempt(BUCKET, f"{folder}/nowhere")
        assert (caught.value.status, caught.value.code) == (404, "object_not_found")


async def test_storage_away_and_wrong_keys(settings_for: Callable[..., dict[str, Any]]) -> None:
    away = ObjectStore(ServiceSettings(**settings_for("job_api", s3_endpoint=f"http://127.0.0.1:{free_port()}")))
    with pytest.raises(ObjectStoreUnavailable):
        await away.ping()
    with pytest.raises(ObjectStoreUnavailable) as caught:
        await away.get_bytes(BUCKET, "k")
    assert caught.value.headers["retry-after"] == "3"
    wrong = ObjectStore(ServiceSettings(**settings_for("job_api", s3_secret_key="x" * 40)))
    with pytest.raises(ObjectStoreUnavailable) as denied:
        await wrong.put_bytes(BUCKET, "k", b"")
    assert denied.value.code == "object_store_denied"


async def test_ping(store: ObjectStore) -> None:
    await store.ping()
