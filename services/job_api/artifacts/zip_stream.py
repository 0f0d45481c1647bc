"""A ZIP written while it is sent: memory stays at one chunk, the same files give the same bytes."""

import zipfile
from collections.abc import AsyncIterator, Iterable
from typing import IO, cast

from services.job_api.artifacts.sources import Source

# Weights do not compress: storing them keeps packing as fast as the disk.
_COMPRESSED = (".json", ".jsonl", ".csv", ".md", ".txt", ".py", ".jinja", ".model")
# The format's own beginning of time; a real time would make every ZIP of the same files another one.
_TIME = (1980, 1, 1, 0, 0, 0)
_ZIP64_FROM = 2**31


class _Pipe:
    """What `zipfile` writes to; it cannot seek, so sizes follow their data."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        data, self._written = b"".join(self._written), []
        return data


async def zip_stream(sources: Iterable[Source]) -> AsyncIterator[bytes]:
    """Raises what a source raises; the ZIP is incomplete then and must not be kept."""
    pipe = _Pipe()
    with zipfile.ZipFile(cast(IO[bytes], pipe), "w") as archive:
        for source in sources:
            with archive.open(_entry(source), "w", force_zip64=source.size >= _ZIP64_FROM) as member:
                async for chunk in source.chunks():
                    member.write(chunk)
                    yield pipe.taken()
    yield pipe.taken()


def _entry(source: Source) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(source.path, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED if source.path.endswith(_COMPRESSED) else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    return entry
