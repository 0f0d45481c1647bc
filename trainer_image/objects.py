"""Files in and out through presigned URLs; the trainer has no key to the storage."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar
from uuid import UUID

import httpx

from contracts.rpc.pods import SIGN_URLS, ObjectRequest, SignedUrl, SignUrls
from trainer_image.errors import NetworkLost, StorageFailed
from trainer_image.reporter import Reporter
from trainer_image.tls import trusted

_log = logging.getLogger(__name__)

Area = Literal["training_file", "checkpoints", "artifacts"]
# What S3 takes in one PUT; a presigned URL allows no multipart upload.
LARGEST_OBJECT = 5 * 1024**3
_CHUNK_BYTES = 1024 * 1024
_TRIES_AT_DAMAGE = 3
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.3, 15.0
_PASSING_STATUSES = (408, 425, 429)
# S3 says these with a status of 400 or 409: a body that came in late or not whole, a bucket that is busy.
_PASSING_CODES = ("RequestTimeout", "IncompleteBody", "BadDigest", "OperationAborted")
_CODE = re.compile(r"<Code>(\w+)</Code>")
Result = TypeVar("Result")


class ObjectMissing(Exception):
    """The storage has no such object."""


class ObjectDamaged(Exception):
    """What arrived is not what was promised (SHA-256), several times over."""


@dataclass(frozen=True)
class Stored:
    """An object that was written; `key` is its full key in the bucket."""

    bucket: str
    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Slice:
    """A stretch of a file, hashed and read in bounded memory."""

    path: Path
    offset: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            left = self.size
            while left and (chunk := file.read(min(_CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()


class Objects:
    """Every call asks for a fresh URL and repeats what may pass until `patience_s` is over (NetworkLost).

    A final no of the storage is StorageFailed, at once.
    """

    def __init__(self, reporter: Reporter, *, patience_s: float = 600.0) -> None:
        self._reporter, self._patience_s = reporter, patience_s
        self._job_id: UUID | None = None
        self._http = httpx.Client(timeout=httpx.Timeout(60.0, connect=10.0), follow_redirects=False,
                                  verify=trusted(reporter.spec))

    def of_job(self, job_id: UUID | None) -> Objects:
        """The same, for the checkpoints of the job that this one continues. None: its own."""
        other = copy(self)
        other._job_id = job_id
        return other

    def put_bytes(self, area: Area, key: str, data: bytes) -> Stored:
        signed = self._repeat(lambda: self._put(area, key, lambda: iter((data,)), len(data)), f"upload of {key}")
        return Stored(signed.bucket, signed.object_key, len(data), hashlib.sha256(data).hexdigest())

    def put_file(self, area: Area, key: str, path: Path) -> Stored:
        return self.put_slice(area, key, Slice(path, 0, path.stat().st_size))

    def put_slice(self, area: Area, key: str, part: Slice) -> Stored:
        """Streamed from disk: memory does not grow with the file."""
        digest = part.sha256()
        signed = self._repeat(lambda: self._put(area, key, part.chunks, part.size), f"upload of {key}")
        return Stored(signed.bucket, signed.object_key, part.size, digest)

    def get_bytes(self, area: Area, key: str, sha256: str) -> bytes:
        return self._repeat(lambda: _verified(self._get(area, key), key, sha256), f"download of {key}")

    def get_file(self, area: Area, key: str, path: Path, sha256: str, *, offset: int = 0) -> None:
        """Written from `offset` on, where the file ends afterwards. Raises ObjectMissing, ObjectDamaged, NetworkLost,
        StorageFailed. An empty `sha256` is not compared."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._repeat(lambda: self._get_to(area, key, path, sha256, offset), f"download of {key}")

    def _sign(self, method: Literal["GET", "PUT"], area: Area, key: str) -> SignedUrl:
        request = SignUrls(attempt=self._reporter.spec.attempt,
                           objects=(ObjectRequest(method=method, area=area, key=key, job_id=self._job_id),))
        return self._reporter.ask(SIGN_URLS, request, patience_s=self._patience_s).urls[0]

    def _put(self, area: Area, key: str, chunks: Callable[[], Iterator[bytes]], size: int) -> SignedUrl:
        """A length instead of chunked transfer, which presigned uploads do not allow."""
        signed = self._sign("PUT", area, key)
        self._http.put(signed.url, content=chunks(), headers={"Content-Length": str(size)}).raise_for_status()
        return signed

    def _get(self, area: Area, key: str) -> bytes:
        return _present(self._http.get(self._sign("GET", area, key).url), key).content

    def _get_to(self, area: Area, key: str, path: Path, sha256: str, offset: int) -> None:
        digest = hashlib.sha256()
        with self._http.stream("GET", self._sign("GET", area, key).url) as response, path.open("r+b") as file:
            _present(response, key)
            file.seek(offset)
            file.truncate()
            for chunk in response.iter_bytes(_CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
        if sha256 and digest.hexdigest() != sha256:
            raise ObjectDamaged(f"{key} has SHA-256 {digest.hexdigest()[:12]}..., expected {sha256[:12]}...")

    def _repeat(self, transfer: Callable[[], Result], what: str) -> Result:
        deadline, delay, damaged = time.monotonic() + self._patience_s, _FIRST_DELAY_S, 0
        while True:
            try:
                return transfer()
            except ObjectDamaged:
                damaged += 1
                if damaged == _TRIES_AT_DAMAGE:
                    raise
            except httpx.HTTPError as error:
                if isinstance(error, httpx.HTTPStatusError) and is_final(error.response):
                    raise StorageFailed(f"The {what} failed: {_reason(error)}.") from error
                if time.monotonic() + delay > deadline:
                    raise NetworkLost(f"The {what} failed for {self._patience_s:.0f} s: {_reason(error)}.") from error
                _log.warning("%s: %s; repeated in %.1f s", what, _reason(error), delay)
            time.sleep(delay)
            delay = min(_LONGEST_DELAY_S, delay * 2)


def is_final(response: httpx.Response) -> bool:
    """Whether the same request would get the same answer tomorrow."""
    status = response.status_code
    return 300 <= status < 500 and status not in _PASSING_STATUSES and _s3_code(response) not in _PASSING_CODES


def _present(response: httpx.Response, key: str) -> httpx.Response:
    """The response, unless it is an error. Raises ObjectMissing, httpx.HTTPStatusError."""
    if response.status_code == 404:
        raise ObjectMissing(key)
    if response.is_error:
        response.read()
    return response.raise_for_status()


def _s3_code(response: httpx.Response) -> str:
    found = _CODE.search(response.text)
    return found[1] if found else ""


def _verified(data: bytes, key: str, sha256: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if sha256 and found != sha256:
        raise ObjectDamaged(f"{key} has SHA-256 {found[:12]}..., expected {sha256[:12]}...")
    return data


def _reason(error: httpx.HTTPError) -> str:
    """Without the URL: it carries a signature."""
    if isinstance(error, httpx.HTTPStatusError):
        code = _s3_code(error.response)
        return f"the storage answered {error.response.status_code}{f' ({code})' if code else ''}"
    return type(error).__name__


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
