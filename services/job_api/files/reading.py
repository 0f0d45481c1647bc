"""The first conversations of a stored file, without reading the rest."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from chassis.objects.store import ObjectStore
from contracts.chat import Conversation
from contracts.training_file import read_canonical

_CHUNK = 64 * 1024


async def first_conversations(objects: ObjectStore, bucket: str, key: str, count: int) -> list[Conversation]:
    """Raises ObjectNotFound and ObjectStoreUnavailable."""
    lines: list[bytes] = []
    stream = await objects.get_stream(bucket, key, chunk_bytes=_CHUNK)
    async with aclosing(_lines(stream)) as found:
        async for line in found:
            lines.append(line)
            if len(lines) == count:
                break
    return list(read_canonical(lines))


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    pending = bytearray()
    async for chunk in chunks:
        pending += chunk
        *complete, rest = pending.split(b"\n")
        pending = bytearray(rest)
        for line in complete:
            yield bytes(line)
    if pending:
        yield bytes(pending)
