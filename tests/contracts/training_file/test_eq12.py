"""The facts of the real file EQ-12, which is not part of the product and read from beside it where present."""

from pathlib import Path

import pytest

from contracts.chat import rendered_text
from contracts.training_file import ImportResult, read_training_file

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "eq-12"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="EQ-12, a real file kept outside the project, is absent from ../shared/data/eq-12; "
    "test_brightrun.py and tests/examples cover the same facts with our own samples",
)


@pytest.fixture(scope="module", params=["json", "jsonl"])
def result(request) -> ImportResult:
    path = FOLDER / f"EQ-12-conversations-demo.{request.param}"
    with path.open("rb") as stream:
        return read_training_file(stream, file_name=path.name)


def test_json_has_44_trainable_of_89_records():
    with (FOLDER / "EQ-12-conversations-demo.json").open("rb") as stream:
        report = read_training_file(stream, file_name="EQ-12.json").report
    assert (report.records, report.trainable, report.unanswered, report.conversations) == (89, 44, 45, 12)
    assert report.one_line.startswith("89 records: 44 trainable, 45 without an answer (user turns); 12 conversations, ")
    assert report.can_train


def test_jsonl_has_44_records_and_says_that_its_total_is_89(result):
    if result.report.format == "brightrun-jsonl":
        assert (result.report.records, result.report.trainable) == (44, 44)
        assert any("total_pairs says 89" in issue.message for issue in result.report.issues)


def test_no_errors_and_nothing_left_out(result):
    assert (result.report.errors, result.report.left_out, result.report.faulty) == (0, 0, 0)


def test_every_answer_is_learnt_once_and_no_message_stands_twice(result):
    assert sum(len(conversation.answers) for conversation in result.conversations) == 44
    for conversation in result.conversations:
        text = rendered_text(conversation)
        assert all(text.count(turn.content.strip()) == 1 for turn in conversation.turns)
        assert all(turn.learn for turn in conversation.turns if turn.role == "assistant")


def test_crisis_conversations_are_named_for_review(result):
    assert set(result.report.needs_review) == {
        c.key for c in result.conversations if c.metadata["emotional_arc"] == "crisis_to_referral"
    }


def test_constant_scores_and_names_are_said(result):
    assert {"TF301_constant_quality", "TF207_name_memorisation"} <= result.report.issue_counts.keys()


def test_both_variants_give_the_same_turns():
    def turns(name: str) -> list[object]:
        with (FOLDER / f"EQ-12-conversations-demo.{name}").open("rb") as stream:
            return [(c.key, c.turns) for c in read_training_file(stream, file_name=name).conversations]

    assert turns("json") == turns("jsonl")
