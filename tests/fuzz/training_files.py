"""Valid training files of all five formats, in every layout."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from contracts.training_file import Format
from tests.contracts.training_file.conftest import make_conversation, make_file, make_pair

Value = Any

WORDS = [
    "Hi?",
    "I save.",
    "call 988",
    "Marcus, yes.",
    "\u00e9\u2019",
    "\U0001f642",
    "a\nb",
    "x" * 200,
    "cut\\",
    "\\u20",
    '"',
]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join) | st.text(min_size=1, max_size=12)
talks = st.lists(texts, min_size=2, max_size=6)
keys = st.sampled_from(["one", "two", "three", "\u00fcber"])


def chat(talk: list[str]) -> Value:
    return {"messages": [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(talk)]}


def prompt_completion(talk: list[str]) -> Value:
    return {"prompt": talk[0], "completion": talk[1]}


def sharegpt(talk: list[str]) -> Value:
    return {"conversations": [{"from": ("human", "gpt")[n % 2], "value": text} for n, text in enumerate(talk)]}


def pairs_of(key: str, talk: list[str]) -> list[Value]:
    return [make_pair(talk, turn, conversation_id=key) for turn in range(1, len(talk) + 1)]


def dumped(value: Value, **options: Any) -> str:
    return json.dumps(value, **options)


def as_lines(records: list[Value]) -> str:
    return "".join(dumped(record, ensure_ascii=False) + "\n" for record in records)


LAYOUTS: list[Callable[[list[Value]], str]] = [
    as_lines,
    lambda records: dumped(records),
    lambda records: dumped(records, indent=1, ensure_ascii=False),
    lambda records: "\n\n".join(dumped(record, indent=2) for record in records),
]

records_of_talks = {
    Format.CHAT: chat,
    Format.PROMPT_COMPLETION: prompt_completion,
    Format.SHAREGPT: sharegpt,
}


@st.composite
def values(draw: st.DrawFn) -> tuple[Format, Value]:
    """A file as one JSON value: an object for Bright Run JSON, else a list of records."""
    form = draw(st.sampled_from(list(Format)))
    found = draw(st.lists(st.tuples(keys, talks), min_size=1, max_size=4))
    if form in records_of_talks:
        return form, [records_of_talks[form](talk) for _, talk in found]
    if form is Format.BRIGHTRUN_JSONL:
        records = [record for key, talk in found for record in pairs_of(key, talk)]
        return form, [{"_meta": {"file_name": "f", "total_pairs": len(records)}}, *records]
    if draw(st.booleans()):
        return form, make_file(*(make_conversation(key, talk) for key, talk in found), total_conversations=len(found))
    return form, {"dataset_metadata": {}, "training_pairs": [p for key, talk in found for p in pairs_of(key, talk)]}


def written(draw: st.DrawFn, value: Value) -> bytes:
    """The value as a file, in some layout."""
    if isinstance(value, list):
        return draw(st.sampled_from(LAYOUTS))(value).encode("utf-8", "surrogatepass")
    return dumped(value, indent=draw(st.sampled_from([None, 0, 2])), ensure_ascii=draw(st.booleans())).encode(
        "utf-8", "surrogatepass"
    )
