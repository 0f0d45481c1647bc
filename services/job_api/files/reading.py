"""The first conversations of a stored file, without reading the rest."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

from chassis.objects.store import ObjectStore

_CHUNK = 64 * 1024


async def fetch_first(objects: ObjectStore, bucket: str, key: str, count: int, target: Path) -> None:
    """Writes the first `count` lines to `target`. Raises ObjectNotFound and ObjectStoreUnavailable."""
    stream = await objects.get_stream(bucket, key, chunk_bytes=_CHUNK)
    with target.open("wb") as file:
        async with aclosing(first_lines(stream, count)) as found:
            async for piece in found:
                file.write(piece)


async def first_lines(chunks: AsyncIterator[bytes], count: int) -> AsyncGenerator[bytes, None]:
    """The bytes up to the `count`-th line feed, piece by piece: each chunk is looked through once."""
    async for chunk in chunks:
        lines = chunk.split(b"\n", count)
        count -= len(lines) - 1
        if count == 0:
            yield chunk[: len(chunk) - len(lines[-1])]
            return
        yield chunk
