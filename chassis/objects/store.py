"""S3 objects through `obstore`: streams in bounded memory, SHA-256 on the way, presigned URLs."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import httpx
import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from chassis.objects.metrics import prepare, timed
from chassis.problems import NotFound, PayloadTooLarge, ServiceUnavailable
from chassis.settings import ServiceSettings
from chassis.tls import also_believing
from chassis.tls import reason as tls_reason

if TYPE_CHECKING:
    from obstore.store import ClientConfig

PART_BYTES = 8 * 1024 * 1024  # S3 allows 10,000 parts: objects up to 78 GiB
_PARTS_IN_FLIGHT = 2  # memory per upload: about 3 parts
_LONGEST_PRESIGN_S = 7 * 24 * 3600  # the limit of AWS signature version 4
Method = Literal["GET", "PUT", "HEAD"]


class ObjectNotFound(NotFound):
    """No object under this key (404 when it reaches the edge)."""


class ObjectStoreUnavailable(ServiceUnavailable):
    """The object storage does not answer or refuses our keys (503 at the edge)."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """`sha256` (hex) is known for what this process wrote; `head` and `list` leave it empty."""

    bucket: str
    key: str
    size: int
    etag: str
    sha256: str = ""
    modified_at: datetime | None = None


class ObjectStore:
    """Every method takes (bucket, key). Raises ObjectNotFound and ObjectStoreUnavailable, never the client's errors."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        prepare()
        self._stores: dict[tuple[str, str], S3Store] = {}
        self._trust = also_believing(settings.s3_tls_ca)

    async def put_bytes(self, bucket: str, key: str, data: bytes, *, content_type: str = "") -> StoredObject:
        with _translated(bucket, key), timed("put"):
            result = await obstore.put_async(
                self._store(bucket), key, data, attributes=_attributes(content_type), use_multipart=False
            )
        return StoredObject(bucket, key, len(data), result["e_tag"] or "", hashlib.sha256(data).hexdigest())

    async def put_stream(
        self,
        bucket: str,
        key: str,
        chunks: AsyncIterable[bytes],
        *,
        content_type: str = "",
        max_bytes: int | None = None,
    ) -> StoredObject:
        """Multipart upload of a stream of unknown length; an object appears only when all of it was written.

        Memory stays at about three parts of 8 MiB. More than `max_bytes`: PayloadTooLarge, nothing is stored.
        """
        hashed = _Hashed(chunks, max_bytes)
        parts = hashed.parts()
        first = await anext(parts, b"")
        if hashed.exhausted:
            return await self.put_bytes(bucket, key, first, content_type=content_type)
        with _translated(bucket, key), timed("put_stream"):
            result = await obstore.put_async(
                self._store(bucket),
                key,
                _chain(first, parts),
                attributes=_attributes(content_type),
                chunk_size=PART_BYTES,
                max_concurrency=_PARTS_IN_FLIGHT,
            )
        return StoredObject(bucket, key, hashed.size, result["e_tag"] or "", hashed.hexdigest())

    async def get_bytes(self, bucket: str, key: str) -> bytes:
        with _translated(bucket, key), timed("get"):
            result = await obstore.get_async(self._store(bucket), key)
            return bytes(await result.bytes_async())

    async def get_stream(self, bucket: str, key: str, *, chunk_bytes: int = 1024 * 1024) -> AsyncIterator[bytes]:
        """Opens the object at once (so ObjectNotFound comes before the first byte is sent) and returns its chunks."""
        with _translated(bucket, key), timed("open"):
            result = await obstore.get_async(self._store(bucket), key)
        return self._chunks(result, bucket, key, chunk_bytes)

    async def _chunks(self, result: Any, bucket: str, key: str, chunk_bytes: int) -> AsyncIterator[bytes]:
        with _translated(bucket, key):
            async for chunk in result.stream(min_chunk_size=chunk_bytes):
                yield bytes(chunk)

    async def head(self, bucket: str, key: str) -> StoredObject:
        with _translated(bucket, key), timed("head"):
            return _stored(bucket, await obstore.head_async(self._store(bucket), key))

    async def exists(self, bucket: str, key: str) -> bool:
        try:
            await self.head(bucket, key)
        except ObjectNotFound:
            return False
        return True

    async def list(self, bucket: str, prefix: str = "") -> list[StoredObject]:
        """All objects whose key starts with the folder `prefix` (whole path segments), ordered by key."""
        with _translated(bucket, prefix), timed("list"):
            found = await obstore.list(self._store(bucket), prefix or None).collect_async()
        return sorted((_stored(bucket, item) for item in found), key=lambda item: item.key)

    async def delete(self, bucket: str, key: str) -> None:
        """Deleting what is not there is no error: a repeated delete has the same result."""
        try:
            with _translated(bucket, key), timed("delete"):
                await obstore.delete_async(self._store(bucket), key)
        except ObjectNotFound:
            pass

    async def copy(self, bucket: str, source: str, target: str) -> None:
        with _translated(bucket, source), timed("copy"):
            await obstore.copy_async(self._store(bucket), source, target)

    async def presign(self, method: Method, bucket: str, key: str, expires_s: int) -> str:
        """A URL that allows `method` on exactly this object for `expires_s` seconds (at most 7 days).

        It carries the public endpoint, since the signature covers the host. Never log it.
        """
        if not 0 < expires_s <= _LONGEST_PRESIGN_S:
            raise ValueError(f"expires_s must be between 1 and {_LONGEST_PRESIGN_S}, not {expires_s}")
        endpoint = self._settings.s3_public_endpoint or self._settings.s3_endpoint
        return await obstore.sign_async(self._store(bucket, endpoint), method, key, timedelta(seconds=expires_s))

    async def ping(self) -> None:
        """Raises ObjectStoreUnavailable unless the endpoint answers (a refusal is an answer)."""
        try:
            with timed("ping"):
                async with httpx.AsyncClient(timeout=2, verify=self._trust) as http:
                    answer = await http.get(self._settings.s3_endpoint)
        except httpx.HTTPError as error:
            raise _unavailable(tls_reason(error)) from error
        if answer.status_code >= 500:
            raise _unavailable()

    def _store(self, bucket: str, endpoint: str = "") -> S3Store:
        endpoint = endpoint or self._settings.s3_endpoint
        if (bucket, endpoint) not in self._stores:
            self._stores[bucket, endpoint] = self._connect(bucket, endpoint)
        return self._stores[bucket, endpoint]

    def _connect(self, bucket: str, endpoint: str) -> S3Store:
        return S3Store(
            bucket,
            endpoint=endpoint,
            region=self._settings.s3_region,
            access_key_id=self._settings.s3_access_key,
            secret_access_key=self._settings.s3_secret_key.get_secret_value(),
            virtual_hosted_style_request=False,
            client_options=self._client_options(endpoint),
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=15)},
        )

    def _client_options(self, endpoint: str) -> "ClientConfig":
        # The default `timeout` covers the whole body (30 s): a slow download would be cut. Stalls are cut instead.
        options: ClientConfig = {
            "allow_http": endpoint.startswith("http://"), "connect_timeout": "3s", "read_timeout": "30s",
            "timeout": "1h"}
        if self._settings.s3_tls_ca:
            options["root_certificate"] = Path(self._settings.s3_tls_ca).read_text()
        return options


class _Hashed:
    """Regroups chunks of any size into parts of PART_BYTES while counting and hashing them."""

    def __init__(self, chunks: AsyncIterable[bytes], max_bytes: int | None) -> None:
        self._chunks, self._max_bytes = chunks, max_bytes
        self._sha256 = hashlib.sha256()
        self.size = 0
        self.exhausted = False

    async def parts(self) -> AsyncIterator[bytes]:
        part = bytearray()
        async for chunk in self._chunks:
            self.size += len(chunk)
            if self._max_bytes is not None and self.size > self._max_bytes:
                raise PayloadTooLarge(
                    f"The file is larger than {self._max_bytes:,} bytes.", suggested_fix="Split the file."
                )
            self._sha256.update(chunk)
            part += chunk
            while len(part) >= PART_BYTES:
                yield bytes(part[:PART_BYTES])
                del part[:PART_BYTES]
        self.exhausted = self.size <= PART_BYTES
        if part:
            yield bytes(part)

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in rest:
        yield part


def _attributes(content_type: str) -> Any:
    return {"Content-Type": content_type} if content_type else None


def _stored(bucket: str, meta: Any) -> StoredObject:
    return StoredObject(bucket, meta["path"], meta["size"], meta["e_tag"] or "", modified_at=meta["last_modified"])


@contextmanager
def _translated(bucket: str, key: str) -> Any:
    try:
        yield
    except FileNotFoundError:
        raise ObjectNotFound(f"There is no object '{key}' in '{bucket}'.", code="object_not_found") from None
    except AlreadyExistsError:
        raise
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise ObjectStoreUnavailable(
            f"The object storage refuses our keys for '{bucket}'.",
            code="object_store_denied",
            suggested_fix="Check BRIGHTRUN_S3_ACCESS_KEY and BRIGHTRUN_S3_SECRET_KEY of this service.",
            retryable=False,
        ) from error
    except BaseError as error:
        raise _unavailable() from error


def _unavailable(why: str = "") -> ObjectStoreUnavailable:
    return ObjectStoreUnavailable(
        f"The object storage does not answer{why and f': {why}'}.", code="object_store_unavailable", retry_after_s=3
    )
