"""Files in and out through presigned URLs; the trainer has no key to the storage."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import httpx

from contracts.rpc.pods import SIGN_URLS, ObjectRequest, SignedUrl, SignUrls
from trainer_image.errors import NetworkLost
from trainer_image.reporter import Reporter

_log = logging.getLogger(__name__)

Area = Literal["training_file", "checkpoints", "artifacts"]
_CHUNK_BYTES = 1024 * 1024
_TRIES_AT_DAMAGE = 3
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.3, 15.0
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


class Objects:
    """Every call asks for a fresh URL and repeats until `patience_s` is over (NetworkLost)."""

    def __init__(self, reporter: Reporter, *, patience_s: float = 600.0) -> None:
        self._reporter, self._patience_s = reporter, patience_s
        self._http = httpx.Client(timeout=httpx.Timeout(60.0, connect=10.0), follow_redirects=False)

    def put_bytes(self, area: Area, key: str, data: bytes) -> Stored:
        signed = self._repeat(lambda: self._put(area, key, data), f"upload of {key}")
        return Stored(signed.bucket, signed.object_key, len(data), hashlib.sha256(data).hexdigest())

    def put_file(self, area: Area, key: str, path: Path) -> Stored:
        """Streamed from disk: memory does not grow with the file."""
        def put() -> SignedUrl:
            with path.open("rb") as file:
                return self._put(area, key, file)

        digest = file_sha256(path)
        signed = self._repeat(put, f"upload of {key}")
        return Stored(signed.bucket, signed.object_key, path.stat().st_size, digest)

    def get_bytes(self, area: Area, key: str, sha256: str) -> bytes:
        return self._repeat(lambda: _verified(self._get(area, key), key, sha256), f"download of {key}")

    def get_file(self, area: Area, key: str, path: Path, sha256: str) -> None:
        """Raises ObjectMissing, ObjectDamaged, NetworkLost. An empty `sha256` is not compared."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._repeat(lambda: self._get_to(area, key, path, sha256), f"download of {key}")

    def _sign(self, method: Literal["GET", "PUT"], area: Area, key: str) -> SignedUrl:
        request = SignUrls(attempt=self._reporter.spec.attempt,
                           objects=(ObjectRequest(method=method, area=area, key=key),))
        return self._reporter.ask(SIGN_URLS, request, patience_s=self._patience_s).urls[0]

    def _put(self, area: Area, key: str, content: object) -> SignedUrl:
        signed = self._sign("PUT", area, key)
        self._http.put(signed.url, content=content).raise_for_status()  # type: ignore[arg-type]
        return signed

    def _get(self, area: Area, key: str) -> bytes:
        response = self._http.get(self._sign("GET", area, key).url)
        if response.status_code == 404:
            raise ObjectMissing(key)
        return response.raise_for_status().content

    def _get_to(self, area: Area, key: str, path: Path, sha256: str) -> None:
        digest = hashlib.sha256()
        with self._http.stream("GET", self._sign("GET", area, key).url) as response, path.open("wb") as file:
            if response.status_code == 404:
                raise ObjectMissing(key)
            response.raise_for_status()
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
                if time.monotonic() + delay > deadline:
                    raise NetworkLost(f"The {what} failed for {self._patience_s:.0f} s: {_reason(error)}.") from error
                _log.warning("%s: %s; repeated in %.1f s", what, _reason(error), delay)
            time.sleep(delay)
            delay = min(_LONGEST_DELAY_S, delay * 2)


def _verified(data: bytes, key: str, sha256: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if sha256 and found != sha256:
        raise ObjectDamaged(f"{key} has SHA-256 {found[:12]}..., expected {sha256[:12]}...")
    return data


def _reason(error: httpx.HTTPError) -> str:
    """Without the URL: it carries a signature."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"the storage answered {error.response.status_code}"
    return type(error).__name__


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
