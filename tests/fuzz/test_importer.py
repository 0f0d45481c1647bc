"""Whatever is uploaded: a report that adds up, or a documented refusal; and never much more than what came."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.chat import Conversation
from contracts.training_file import (
    CODES,
    REFUSALS,
    Format,
    ImportReport,
    TrainingFileRefused,
    canonical_line,
    group_issues,
    import_training_file,
    read_canonical,
)
from tests.fuzz.budget import fuzzed
from tests.fuzz.mutations import broken, damaged
from tests.fuzz.training_files import values, written

# Keys, numbers, labels and JSON around the texts of a conversation, and what is said of an issue.
BYTES_PER_CONVERSATION, LONGEST_REPORT = 4_000, 3_000_000


def check(content: bytes, chunk: int = 1 << 16) -> ImportReport | None:
    """Read a file as an upload is read; None when it was refused."""
    stored: list[bytes] = []

    def keep(conversation: Conversation) -> None:
        stored.append(canonical_line(conversation))

    chunks = (content[start : start + chunk] for start in range(0, len(content), chunk))
    try:
        report = import_training_file(chunks, keep, file_name="fuzzed", max_records=200)
    except TrainingFileRefused as refused:
        check_refusal(refused)
        return None
    check_sums(report, len(stored))
    check_size(content, stored, report)
    return report


def check_refusal(refused: TrainingFileRefused) -> None:
    assert refused.code in REFUSALS
    assert refused.status in (413, 415, 422)
    assert str(refused).encode()  # it can be sent


def check_sums(report: ImportReport, stored: int) -> None:
    assert report.conversations == stored
    assert report.records == report.trainable + report.unanswered + report.left_out + report.faulty
    assert min(report.trainable, report.unanswered, report.left_out, report.faulty) >= 0
    assert report.issue_counts.keys() <= CODES.keys()
    assert report.can_train == (report.errors == 0)
    assert sum(group.count for group in group_issues(report.issues, report.issue_counts)) == sum(
        report.issue_counts.values()
    )


def check_size(content: bytes, stored: list[bytes], report: ImportReport) -> None:
    """What is stored comes back as it was, and is bounded by what came; so is the report."""
    conversations = list(read_canonical(stored))
    assert [canonical_line(conversation) for conversation in conversations] == stored
    assert len({conversation.key for conversation in conversations}) == len(stored)
    assert all(conversation.answers and conversation.number for conversation in conversations)
    assert sum(map(len, stored)) <= 2 * len(content) + BYTES_PER_CONVERSATION * len(stored)
    assert len(report.model_dump_json()) <= LONGEST_REPORT


@fuzzed
@given(st.data())
def test_a_valid_file_is_read_in_its_format(data):
    form, value = data.draw(values())
    report = check(written(data.draw, value))
    if report is not None:  # a text may hold NULs or nothing but white space
        assert report.format is form or {report.format, form} <= {Format.BRIGHTRUN_JSONL, Format.BRIGHTRUN_JSON}


@fuzzed
@given(st.data())
def test_damage_to_the_structure(data):
    _, value = data.draw(values())
    check(written(data.draw, data.draw(damaged(value))))


@fuzzed
@given(st.data())
def test_damage_to_the_bytes(data):
    _, value = data.draw(values())
    check(data.draw(broken(written(data.draw, value))), chunk=data.draw(st.sampled_from([7, 1000, 1 << 16])))


@fuzzed
@given(st.data())
def test_damage_to_both(data):
    _, value = data.draw(values())
    check(data.draw(broken(written(data.draw, data.draw(damaged(value))))))
