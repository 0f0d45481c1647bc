"""What the report says about the hold-out before anything is trained."""

import json

import pytest

from contracts.training_file import ImportReport, read_training_file


def report_of(records: list[dict[str, object]]) -> ImportReport:
    lines = "\n".join(json.dumps(record) for record in records)
    return read_training_file([lines.encode()], file_name="chat.jsonl").report


def chats(count: int) -> list[dict[str, object]]:
    return [
        {"messages": [{"role": "user", "content": f"Question {n}?"}, {"role": "assistant", "content": f"Answer {n}."}]}
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("conversations", "held_out", "evidence"),
    [
        (1, 0, "Holds out no conversation: the improvement will not be measured."),
        (12, 2, "Holds out 2 of 12 conversations: too few to prove an improvement; 8 more are needed, "
                "which a file of 50 conversations has."),
        (45, 9, "Holds out 9 of 45 conversations: too few to prove an improvement; 1 more is needed, "
                "which validation_fraction 0.22 holds out."),
        (50, 10, "Holds out 10 of 50 conversations: enough for a verdict; 20 make it surer."),
        (90, 18, "Holds out 18 of 90 conversations: enough for a verdict; 20 make it surer "
                 "(validation_fraction 0.22)."),
        (242, 48, "Holds out 48 of 242 conversations: enough for a verdict."),
    ],
)
def test_the_report_says_what_the_holdout_can_prove(conversations: int, held_out: int, evidence: str) -> None:
    report = report_of(chats(conversations))
    assert (report.held_out, report.evidence) == (held_out, evidence)


def test_a_report_from_before_has_no_word_about_it() -> None:
    stored = report_of(chats(3)).model_dump(exclude={"held_out", "evidence"})
    assert ImportReport.model_validate(stored).evidence == ""
