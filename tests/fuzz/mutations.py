"""Small damage: to the structure of a JSON value, and to bytes."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Value = Any
Path = tuple[Any, ...]


def nested(levels: int) -> Value:
    value: Value = "innermost"
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


JUNK: list[Value] = [
    None, True, 0, -1, 3.5, 10**30, float("nan"), float("inf"), "", " ", "user", "assistant", "tool", "a\0b", "\ud83d",
    "<|eot_id|>", "cut\\", "x" * 5000, "suicide", [], {}, [[]], [None], {"role": "user"}, nested(63), nested(70),
]  # fmt: skip
junk = st.sampled_from(JUNK).map(copy.deepcopy)  # a change may go into what another one put there
FIELDS = [
    "messages", "conversations", "training_pairs", "prompt", "completion", "role", "content", "from", "value", "id",
    "weight", "metadata", "persona", "system", "system_prompt", "conversation_id", "conversation_metadata",
    "conversation_history", "current_user_input", "target_response", "training_file_metadata", "training_metadata",
    "quality_score", "total_conversations", "total_turns", "scaffolding", "scaffolding_distribution", "personas",
    "_meta", "target_model", "format_spec", "",
]  # fmt: skip
BYTES = [
    b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\u", b"\\ud83d", b"\\u0000", b"NaN", b"-Infinity", b"1e999",
    b"9" * 5000, b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\n", b"\r\n", b'"a":1,"a":2', b"[" * 200,
    b"\x1f\x8b", b"PK\x03\x04",
]  # fmt: skip


def places(value: Value, path: Path = ()) -> Iterator[Path]:
    """The path of every value within `value`, its own included."""
    yield path
    found = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in found:
        yield from places(item, (*path, key))


def at(value: Value, path: Path) -> Value:
    for key in path:
        value = value[key]
    return value


@st.composite
def damaged(draw: st.DrawFn, value: Value) -> Value:
    """One to three changes: something replaced, removed, doubled, exchanged or added."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        inner = [path for path in places(value) if path]
        if not inner:
            return value
        path = draw(st.sampled_from(inner))
        change(draw, at(value, path[:-1]), path[-1])
    return value


def change(draw: st.DrawFn, parent: Value, key: Any) -> None:
    kind = draw(st.sampled_from(["replace", "remove", "double", "exchange", "add"]))
    if kind == "replace":
        parent[key] = draw(junk)
    elif kind == "remove":
        del parent[key]
    elif kind == "double" and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(parent[key]))
    elif kind == "exchange":
        other = draw(st.sampled_from(list(parent) if isinstance(parent, dict) else range(len(parent))))
        parent[key], parent[other] = parent[other], parent[key]
    elif isinstance(parent, dict):
        parent[draw(st.sampled_from(FIELDS))] = draw(junk)


@st.composite
def broken(draw: st.DrawFn, content: bytes) -> bytes:
    """One to four cuts and insertions."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 0, 1, 2, 10, 10**6])))
        inserted = draw(st.sampled_from([b"", content[start:end] * 2, *BYTES]) | st.binary(max_size=4))
        content = content[:start] + inserted + content[end:]
    return content
