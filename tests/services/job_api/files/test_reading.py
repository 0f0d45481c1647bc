"""Lines of a stored file, however it is cut into chunks."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.job_api.files import reading


async def pieces(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def lines_of(chunks: list[bytes]) -> list[bytes]:
    return [line async for line in reading.lines(pieces(chunks))]


@pytest.mark.parametrize("end", [b"", b"\n"])
@given(st.lists(st.binary(max_size=5).map(lambda part: part.replace(b"\n", b"-")), max_size=6), st.integers(1, 7))
async def test_lines_are_those_of_the_whole(end, texts, size):
    whole = b"\n".join(texts) + end
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    expected = whole.split(b"\n")
    assert await lines_of(chunks) == (expected if expected[-1] else expected[:-1])


async def test_a_long_line_is_looked_through_once(monkeypatch):
    scanned = []

    class CountingBytes(bytes):
        def split(self, *arguments):
            scanned.append(len(self))
            return super().split(*arguments)

    class CountingBytearray(bytearray):
        def split(self, *arguments):
            scanned.append(len(self))
            return super().split(*arguments)

    monkeypatch.setattr(reading, "bytearray", CountingBytearray, raising=False)
    chunks = [CountingBytes(b"x" * 1000) for _ in range(500)] + [CountingBytes(b"\n")]
    assert await lines_of(chunks) == [b"x" * 500_000]
    assert sum(scanned) == 500_001
