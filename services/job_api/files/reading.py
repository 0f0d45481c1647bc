"""The first conversations of a stored file, without reading the rest."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from chassis.object_store import ObjectStore
from contracts.chat import Conversation
from contracts.training_file import read_canonical

_CHUNK = 64 * 1024


async def first_conversations(objects: ObjectStore, bucket: str, key: str, count: int) -> list[Conversation]:
    """Raises ObjectNotFound and ObjectStoreUnavailable."""
    first: list[bytes] = []
    stream = await objects.get_stream(bucket, key, chunk_bytes=_CHUNK)
    async with aclosing(lines(stream)) as found:
        async for line in found:
            first.append(line)
            if len(first) == count:
                break
    return list(read_canonical(first))


async def lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Without their line feeds; each chunk is looked through once, however long a line is."""
    begun: list[bytes] = []
    async for chunk in chunks:
        *complete, rest = chunk.split(b"\n")
        for line in complete:
            yield b"".join([*begun, line])
            begun.clear()
        begun.append(rest)
    if last := b"".join(begun):
        yield last
