"""Files that cannot be read at all: refused with a stable code and the place."""

import gzip
import io
import json
import zipfile
from io import BytesIO

import pytest

from contracts.training_file import (
    REFUSALS,
    TrainingFileRefused,
    TrainingFileTooLarge,
    UnsupportedTrainingFile,
    import_training_file,
    read_training_file,
)

GOOD = json.dumps({"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]})


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.json", GOOD)
    return packed.getvalue()


def refusal(content: bytes) -> TrainingFileRefused:
    with pytest.raises(TrainingFileRefused) as caught:
        read_training_file(BytesIO(content), file_name="t.json")
    return caught.value


def with_field(value: str) -> bytes:
    return f'{GOOD}\n{GOOD[:-1]}, "extra": {value}}}\n'.encode()


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (b"", "TF001_empty", ""),
        (b" \n\t ", "TF001_empty", ""),
        (b"\xef\xbb\xbf", "TF001_empty", ""),
        (gzip.compress(GOOD.encode(), mtime=0), "TF004_compressed", "gzip"),
        (zipped(), "TF004_compressed", "ZIP"),
        (GOOD.encode("utf-16"), "TF005_not_utf8", "byte 1"),
        (GOOD.encode()[:20] + b"\xff", "TF005_not_utf8", "byte 21"),
        (GOOD.encode() + b"\n\0", "TF005_not_utf8", f"byte {len(GOOD) + 2}"),
        (b"hello", "TF006_unknown_format", "Bright Run JSON"),
        (b"{}", "TF006_unknown_format", ""),
        (b"[]", "TF006_unknown_format", ""),
        (b'{"rows": [1]}', "TF006_unknown_format", ""),
        (b"%PDF-1.7", "TF006_unknown_format", ""),
        (b'{"messages": [', "TF007_invalid_json", "line 1"),
        (f"{GOOD}\n{{'a': 1}}".encode(), "TF007_invalid_json", "line 2, column 2"),
        (f"[{GOOD}] x".encode(), "TF007_invalid_json", "more text after the end"),
        (f"[{GOOD} {GOOD}]".encode(), "TF007_invalid_json", "','"),
        (with_field('1, "extra": 2'), "TF008_duplicate_key", "line 2, record 2: the key 'extra'"),
        (with_field("NaN"), "TF009_not_finite", "line 2, record 2, extra"),
        (with_field("[1, -Infinity]"), "TF009_not_finite", "record 2, extra[2]"),
        (with_field("1e999"), "TF009_not_finite", "record 2, extra"),
        (with_field('{"a": "\\ud83d!"}'), "TF010_lone_surrogate", "record 2, extra.a"),
        (with_field('{"\\udc00": 1}'), "TF010_lone_surrogate", "record 2, extra"),
        (with_field('"a\\u0000b"'), "TF011_nul_character", "record 2, extra"),
        (with_field("[" * 100 + "]" * 100), "TF012_nested_too_deep", "record 2, extra[1][1]"),
        (with_field("[" * 100_000 + "]" * 100_000), "TF012_nested_too_deep", "line 2"),
        (with_field("9" * 5000), "TF007_invalid_json", "too many digits"),
    ],
)
def test_refused_with_code_and_place(content, code, place):
    error = refusal(content)
    assert error.code == code
    assert code in REFUSALS
    assert place in str(error)
    assert error.suggested_fix


def test_a_valid_surrogate_pair_is_no_fault():
    content = with_field('"\\ud83d\\ude42 and \\\\ud83d"')
    assert read_training_file(BytesIO(content), file_name="t").report.records == 2


@pytest.mark.parametrize("content", [b"", GOOD.encode("utf-16"), gzip.compress(b"{}", mtime=0), b"{}"])
def test_what_is_not_a_training_file_is_unsupported(content):
    assert isinstance(refusal(content), UnsupportedTrainingFile)


def test_duplicate_top_level_key_of_a_large_object():
    error = refusal(b'{"training_file_metadata": {}, "conversations": [], "conversations": []}')
    assert error.code == "TF008_duplicate_key"


def test_too_many_bytes_stop_the_reading():
    taken = []

    def chunks():
        while True:
            taken.append(1)
            yield (GOOD + "\n").encode() * 1000

    with pytest.raises(TrainingFileTooLarge, match="larger than 1 MB") as caught:
        import_training_file(chunks(), lambda _: None, file_name="t", max_bytes=1_000_000)
    assert caught.value.code == "TF002_too_large"
    assert len(taken) < 20


def test_too_many_records():
    with pytest.raises(TrainingFileTooLarge) as caught:
        import_training_file([(GOOD + "\n").encode() * 11], lambda _: None, file_name="t", max_records=10)
    assert caught.value.code == "TF003_too_many_records"


def test_one_endless_value_is_stopped():
    def chunks():
        yield b'{"messages": ["'
        while True:
            yield b"a" * 1_000_000

    with pytest.raises(TrainingFileTooLarge) as caught:
        import_training_file(chunks(), lambda _: None, file_name="t")
    assert caught.value.code == "TF013_value_too_large"


@pytest.mark.slow
def test_the_line_is_right_far_into_a_file_read_in_chunks():
    lines = [GOOD] * 30_000 + ['{"messages": [}']
    content = "\n".join(lines).encode()
    with pytest.raises(TrainingFileRefused, match="line 30,001, column 15") as caught:
        read_training_file((content[i : i + 999] for i in range(0, len(content), 999)), file_name="t")
    assert caught.value.status == 422
