"""Builds a package once and finds it again; nothing that is damaged is ever delivered."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from chassis.clock import Clock
from chassis.objects.store import ObjectNotFound, ObjectStore
from chassis.problems import ProblemError
from services.job_api.artifacts.application.package import Package
from services.job_api.artifacts.errors import ArtifactDamaged
from services.job_api.artifacts.sources import BUCKET
from services.job_api.artifacts.zip_stream import zip_stream

URL_LIFETIME = timedelta(hours=24)
# Deliveries that nobody can hold a valid URL of any more.
_OUTDATED = URL_LIFETIME + timedelta(hours=1)
_RECEIPT = ".receipt.json"
FOLDER = "/deliveries/"

_building: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


@dataclass(frozen=True)
class Delivery:
    """An object that is ready to be handed out."""

    key: str
    file_name: str
    size: int
    sha256: str


async def delivery_of(objects: ObjectStore, clock: Clock, package: Package) -> Delivery:
    """The package as a ZIP in the storage, built unless it is there. Raises `artifact_damaged`."""
    lock = _building.setdefault(package.key, asyncio.Lock())
    async with lock:  # two downloads at once build it once (in this process; another one would write the same bytes)
        found = await _found(objects, package)
        if found is None:
            found = await _build(objects, package)
            await _forget_outdated(objects, package, clock.now())
    return found


async def remove(objects: ObjectStore, key: str) -> None:
    """The receipt first: whoever asks from then on has it built again. Of what was delivered itself nothing goes."""
    assert FOLDER in key, f"{key} was not prepared for a download"
    for part in (key + _RECEIPT, key):
        await objects.delete(BUCKET, part)


async def _found(objects: ObjectStore, package: Package) -> Delivery | None:
    """The receipt is written last and counts only with its object: a half-built or vanished ZIP is built again."""
    try:
        receipt = json.loads(await objects.get_bytes(BUCKET, package.key + _RECEIPT))
        stored = await objects.head(BUCKET, package.key)
        delivery = Delivery(package.key, package.file_name, int(receipt["size_bytes"]), str(receipt["sha256"]))
    except (ObjectNotFound, ValueError, KeyError, TypeError):
        return None
    return delivery if stored.size == delivery.size else None


async def _build(objects: ObjectStore, package: Package) -> Delivery:
    stored = await _put(objects, package)
    receipt = {"size_bytes": stored.size, "sha256": stored.sha256}
    await objects.put_bytes(BUCKET, package.key + _RECEIPT, json.dumps(receipt).encode())
    return stored


async def _put(objects: ObjectStore, package: Package) -> Delivery:
    """A fault in the middle reaches us wrapped by the storage's client: the first one is what counts."""
    fault: list[Exception] = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            async for chunk in zip_stream(package.sources):
                yield chunk
        except (ArtifactDamaged, ProblemError) as error:
            fault.append(error)
            raise

    try:
        stored = await objects.put_stream(BUCKET, package.key, chunks(), content_type="application/zip")
    except Exception as error:
        if fault:
            raise fault[0] from error
        raise
    return Delivery(package.key, package.file_name, stored.size, stored.sha256)


async def _forget_outdated(objects: ObjectStore, package: Package, now: datetime) -> None:
    for item in await objects.list(BUCKET, package.folder.rstrip("/")):
        is_ours = item.key.startswith(f"{package.folder}{package.fingerprint}/")
        if not is_ours and item.modified_at is not None and now - item.modified_at > _OUTDATED:
            await objects.delete(BUCKET, item.key)
