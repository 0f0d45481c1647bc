"""Whatever comes in: conversations that can be trained, or the importer's own error, and nothing else."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.training_file import CODES, REFUSALS, ImportResult, TrainingFileRefused, read_training_file

PIECES = [
    b'{"messages": [', b'{"role": "user", "content": "Hi"}', b'{"role": "assistant", "content": "Yes"}', b"]}",
    b'{"conversations": [', b'{"from": "gpt", "value": 1}', b'"training_pairs": [', b'"training_file_metadata":',
    b'{"_meta": {}}', b'{"prompt": "a", "completion": "b"}', b",", b"\n", b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u",
    b"\\ud83d", b"NaN", b"1e999", b"-", b"\0", b"\xff", b"\xef\xbb\xbf", b"null",
]  # fmt: skip
FIELDS = [
    "messages", "role", "content", "prompt", "completion", "conversations", "from", "value", "training_pairs",
    "conversation_metadata", "conversation_id", "scaffolding", "conversation_history", "current_user_input",
    "target_response", "training_file_metadata", "training_metadata", "quality_score", "total_conversations",
    "scaffolding_distribution", "personas", "system_prompt", "_meta", "weight", "id", "metadata",
]  # fmt: skip
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["user", "assistant", "system", "human", "gpt", "Hi?", "Yes.", "cut\\", " "])
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=25,
)
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": leaves}), max_size=6
)
pairs = st.fixed_dictionaries(
    {},
    optional={
        "conversation_id": st.sampled_from(["a", "b"]),
        "conversation_history": messages | values,
        "current_user_input": st.sampled_from(["Hi?", "More?"]) | values,
        "target_response": leaves,
        "system_prompt": leaves,
    },
)
brightrun = st.fixed_dictionaries(
    {"training_file_metadata": values},
    optional={
        "conversations": values | st.lists(st.fixed_dictionaries({"training_pairs": st.lists(pairs, max_size=4)})),
        "training_pairs": values | st.lists(pairs, max_size=6),
    },
)


def assert_holds(content: bytes) -> None:
    try:
        result = read_training_file([content[i : i + 7] for i in range(0, len(content), 7)], file_name="any")
    except TrainingFileRefused as refused:
        code = refused.code
    else:
        code = "TF001_empty"
        assert_adds_up(result)
    assert code in REFUSALS


def assert_adds_up(result: ImportResult) -> None:
    report = result.report
    assert report.conversations == len(result.conversations)
    assert report.records == report.trainable + report.unanswered + report.left_out + report.faulty
    assert min(report.trainable, report.unanswered, report.left_out, report.faulty) >= 0
    assert report.issue_counts.keys() <= CODES.keys()
    assert len({c.key for c in result.conversations}) == len(result.conversations)
    assert all(c.answers for c in result.conversations)
    assert report.can_train == (report.errors == 0)


@given(st.binary(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join))
def test_arbitrary_bytes(content):
    assert_holds(content)


@settings(max_examples=100, deadline=None)
@given(st.lists(values | pairs | st.fixed_dictionaries({"messages": messages}), max_size=5), st.booleans())
def test_arbitrary_records(records, as_lines):
    text = "\n".join(map(json.dumps, records)) if as_lines else json.dumps(records)
    assert_holds(text.encode())


@settings(max_examples=100, deadline=None)
@given(brightrun)
def test_arbitrary_brightrun_files(content):
    assert_holds(json.dumps(content).encode())


@given(st.integers(1, 4000))
def test_chunks_of_any_size_read_the_same(size):
    lines = [{"messages": [{"role": "user", "content": f"\u00e9 {n}?"}, {"role": "assistant", "content": "\U0001f642"}]}
             for n in range(20)]  # fmt: skip
    content = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
    chunks = [content[i : i + size] for i in range(0, len(content), size)]
    whole = read_training_file([content], file_name="t")
    assert read_training_file(chunks, file_name="t") == whole
