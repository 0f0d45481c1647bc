"""A report of many problems is short to read, and complete for programs."""

import json

from tests.brightrun.conftest import Answer
from tests.brightrun.test_commands import run


def many(folder, count: int = 72):
    """Each conversation ends on a user's turn without an answer."""
    path = folder / "many.jsonl"
    lines = []
    for number in range(count):
        question = {"role": "user", "content": f"Question {number}?"}
        answer = {"role": "assistant", "content": f"The answer is {number}."}
        lines.append(json.dumps({"messages": [question, answer, {"role": "user", "content": "More?"}]}))
    lines.append(json.dumps({"messages": [{"role": "user", "content": "Hi?"}]}))
    path.write_text("\n".join(lines))
    return path


def test_problems_of_one_code_are_one_line(tmp_path):
    shown = run("validate", str(many(tmp_path))).stdout.splitlines()
    assert shown[1:] == [
        "  error   TF108_no_answer: conversation 73: the conversation has no assistant answer",
        "          What to do: Add an answer, or remove the conversation.",
        "  warning TF202_trailing_user_turn: conversations 1, 2, 3 and 69 more: ends on a user turn without an answer; "
        "the turn is dropped",
        "This file cannot be trained as it is.",
    ]


def test_json_has_every_single_problem(tmp_path):
    report = json.loads(run("validate", str(many(tmp_path)), "--json").stdout)
    assert len(report["issues"]) == 73
    assert report["issue_counts"] == {"TF108_no_answer": 1, "TF202_trailing_user_turn": 72}


def test_the_answer_to_an_upload_is_grouped_too(as_user, faulty_api, tmp_path):
    report = json.loads(run("validate", str(many(tmp_path)), "--json").stdout)
    faulty_api.answers = [Answer(body=json.dumps({"id": "f-1", "status": "invalid", "report": report}).encode())]
    shown = run("files", "upload", str(tmp_path / "many.jsonl")).stdout.splitlines()
    assert len(shown) == 5
    assert shown[-1] == "File f-1: invalid"


def test_a_preview_names_conversations_by_their_number(as_user, faulty_api):
    segments = [{"text": "Hello.", "learn": True}]
    shown = [{"key": "a-key", "number": 1_204, "segments": segments}, {"key": "older", "segments": segments}]
    faulty_api.answers = [Answer(body=json.dumps({"conversations": shown}).encode())]
    text = run("files", "preview", "f-1").stdout
    assert "conversation 1,204: a-key" in text
    assert " older " in text
