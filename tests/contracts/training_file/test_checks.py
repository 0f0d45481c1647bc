"""Checks over the content of all formats, and the report."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.chat import TokenCount
from contracts.training_file.content_checks import opening_of


def talk(question: str, answer: str) -> dict:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def unlike(number: int, opening: str = "") -> dict:
    return talk(f"Question {number}?", f"{opening}the answer number {number} is about subject {number * 7}.")


@pytest.mark.parametrize(
    "text",
    ["I think about suicide.", "Please call 988 now.", "They would be better off without me.", "I want to hurt myself"],
)
def test_crisis_content_is_flagged_for_review(read, text):
    result = read([unlike(1), {"id": "c", **talk(text, "I am glad you told me.")}])
    assert result.report.needs_review == ("c",)
    assert result.conversations[1].metadata["safety"] == "crisis"
    assert result.report.can_train


@pytest.mark.parametrize("text", ["It costs 988 dollars.", "The crisis of 2008 hurt my savings.", "I died laughing."])
def test_ordinary_talk_is_not_flagged(read, text):
    assert read([talk(text, "I see.")]).report.needs_review == ()


def test_equal_openings_are_counted(read):
    same = "x" * 90
    report = read([talk(f"Q{n}?", f"{same} {n}") for n in range(3)]).report
    (issue,) = [i for i in report.issues if i.code == "TF204_duplicated_target"]
    assert issue.message == "2 of 3 answers open with the same 80 characters as another"


@given(
    st.lists(st.sampled_from(["\u03a3", "A", "\u0130", " ", "\n\t  ", "a" * 30, " " * 500, "\u1f88"]), max_size=60).map(
        "".join
    )
)
def test_the_opening_is_read_from_the_beginning_only_and_is_the_same(text):
    assert opening_of(text) == " ".join(text.lower().split())[:80]


def test_answers_that_open_with_few_names_are_said(read):
    report = read([unlike(n, "Marcus, ") for n in range(8)] + [unlike(n, "Well, ") for n in range(8, 14)]).report
    (issue,) = [i for i in report.issues if i.code == "TF207_name_memorisation"]
    assert "8 of 14 answers" in issue.message
    assert "Well" not in issue.message


def test_many_names_are_no_warning(read):
    names = ["Ann", "Bob", "Cid", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim", "Lou"]
    report = read([unlike(n, f"{name}, ") for n, name in enumerate(names)]).report
    assert "TF207_name_memorisation" not in report.issue_counts


def test_longer_than_the_context_is_said_with_exact_tokens(read):
    report = read([unlike(1)], count_tokens=lambda item: TokenCount(5000, 70), max_context=4096).report
    (issue,) = [i for i in report.issues if i.code == "TF205_too_long"]
    assert issue.message.startswith("conversation 1: 5,000 tokens are more than the context of 4,096")
    assert (report.tokens, report.trainable_tokens, report.longest, report.tokens_exact) == (5000, 70, 5000, True)
    assert report.one_line == "1 record: 1 trainable; 1 conversation, 5,000 tokens, longest 5,000"


def test_without_a_tokenizer_tokens_are_about(read):
    assert "about " in read([unlike(1)]).report.one_line


def test_what_is_counted_is_what_is_trained(read):
    seen = []
    result = read([unlike(1)], count_tokens=lambda item: seen.append(item) or TokenCount(1, 1))
    assert tuple(seen) == result.conversations


def test_constant_quality_is_said_and_varied_quality_is_not(read, file, conversation):
    first, second = conversation("a", ["A?", "B."]), conversation("b", ["C?", "D."])
    for record in first["training_pairs"] + second["training_pairs"]:
        record["training_metadata"] = {"quality_score": 3}
    report = read(file(first, second)).report
    (issue,) = [i for i in report.issues if i.code == "TF301_constant_quality"]
    assert "quality_score is 3 in all 4 records, 0 reviewed by a person" in issue.message
    second["training_pairs"][0]["training_metadata"] = {"quality_score": 4}
    assert "TF301_constant_quality" not in read(file(first, second)).report.issue_counts


def test_provenance_names_the_model(read, file, conversation):
    content = file(conversation("a", ["A?", "B."]), target_model="other-model-1")
    (issue,) = [i for i in read(content).report.issues if i.code == "TF302_provenance"]
    assert "other-model-1" in issue.message


def test_a_flood_of_issues_is_bounded_and_fully_counted(read):
    report = read([{"messages": [{"role": "user", "content": f"{n}?"}]} for n in range(250)]).report
    assert report.issue_counts["TF108_no_answer"] == 250
    assert len([i for i in report.issues if i.code == "TF108_no_answer"]) == 100
    assert report.errors == 251


def test_errors_come_first(read):
    severities = [i.severity for i in read([talk("call 988", "ok"), {"messages": []}]).report.issues]
    assert severities == ["error", "warning"]


def test_report_is_plain_json_with_its_computed_fields(read):
    data = json.loads(read([unlike(1)]).report.model_dump_json())
    assert {"one_line", "can_train", "format_name", "sha256"} <= data.keys()
    assert data["format_name"] == "chat JSONL"
