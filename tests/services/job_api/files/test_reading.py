"""Lines of a stored file, however it is cut into chunks."""

import re
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.job_api.files import reading


async def pieces(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def first(chunks: list[bytes], count: int) -> bytes:
    return b"".join([piece async for piece in reading.first_lines(pieces(chunks), count)])


@pytest.mark.parametrize("end", [b"", b"\n"])
@given(
    st.lists(st.binary(max_size=5).map(lambda part: part.replace(b"\n", b"-")), max_size=6),
    st.integers(1, 7),
    st.integers(1, 4),
)
async def test_the_first_lines_are_those_of_the_whole(end, texts, size, count):
    whole = b"\n".join(texts) + end
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert await first(chunks, count) == b"".join(re.findall(rb"[^\n]*\n|[^\n]+$", whole)[:count])


async def test_a_long_line_is_looked_through_once():
    scanned = []

    class Counting(bytes):
        def split(self, *arguments):
            scanned.append(len(self))
            return super().split(*arguments)

    chunks = [Counting(b"x" * 1000) for _ in range(500)] + [Counting(b"\nrest")]
    assert await first(chunks, 1) == b"x" * 500_000 + b"\n"
    assert sum(scanned) == 500_005


async def test_nothing_is_read_beyond_the_last_line_wanted():
    read = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            read.append(1)
            yield b"a line\n" * 3

    assert b"".join([piece async for piece in reading.first_lines(endless(), 4)]) == b"a line\n" * 4
    assert len(read) == 2
