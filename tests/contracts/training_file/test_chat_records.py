"""Chat JSONL, prompt-completion JSONL and ShareGPT."""

import json

import pytest

USER, ANSWER = {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}
SYSTEM = {"role": "system", "content": "Be kind."}


def spoken(result):
    return [(c.system_prompt, [(t.role, t.content, t.learn) for t in c.turns]) for c in result.conversations]


GREETING = [("Be kind.", [("user", "Hi?", False), ("assistant", "Hello.", True)])]


@pytest.mark.parametrize(
    ("form", "record"),
    [
        ("chat-jsonl", {"messages": [SYSTEM, USER, ANSWER]}),
        ("prompt-completion-jsonl", {"prompt": [SYSTEM, USER], "completion": [ANSWER]}),
        (
            "sharegpt",
            {
                "conversations": [
                    {"from": "system", "value": "Be kind."},
                    {"from": "human", "value": "Hi?"},
                    {"from": "gpt", "value": "Hello."},
                ]
            },
        ),
        (
            "sharegpt",
            {
                "system": "Be kind.",
                "conversations": [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Hello."}],
            },
        ),
    ],
)
@pytest.mark.parametrize("layout", ["lines", "list", "pretty"])
def test_every_format_in_every_layout(read, form, record, layout):
    text = {"lines": json.dumps(record) + "\n", "list": json.dumps([record]), "pretty": json.dumps(record, indent=2)}
    result = read(text[layout].encode())
    assert result.report.format == form
    assert spoken(result) == GREETING
    assert result.report.can_train


def test_prompt_and_completion_as_texts(read):
    assert spoken(read([{"prompt": "Hi?", "completion": "Hello."}])) == [(None, GREETING[0][1])]


def test_answers_in_a_prompt_are_context(read):
    record = {"prompt": [USER, ANSWER, {"role": "user", "content": "More?"}], "completion": "Yes."}
    assert [turn.content for turn in read([record]).conversations[0].answers] == ["Yes."]


def test_weight_zero_is_context(read):
    messages = [USER, {**ANSWER, "weight": 0}, {"role": "user", "content": "More?"}, {**ANSWER, "content": "Yes."}]
    assert [turn.content for turn in read([{"messages": messages}]).conversations[0].answers] == ["Yes."]


def test_lines_may_end_in_either_way_and_be_blank(read):
    line = json.dumps({"messages": [USER, ANSWER]})
    other = json.dumps({"messages": [USER, {**ANSWER, "content": "Good day."}]})
    assert read(f"\ufeff{line}\r\n\r\n{other}".encode()).report.conversations == 2


def test_the_same_conversation_twice_is_kept_once(read):
    report = read([{"messages": [USER, ANSWER]}] * 2).report
    assert (report.records, report.trainable, report.left_out, report.conversations) == (2, 1, 1, 1)
    assert "TF209_duplicated_conversation" in report.issue_counts


def test_ids_become_keys(read):
    assert read([{"id": "a-1", "messages": [USER, ANSWER]}]).conversations[0].key == "a-1"


@pytest.mark.parametrize(
    ("record", "code", "message"),
    [
        ({"messages": [USER, USER, ANSWER]}, "TF105_not_alternating", "turn 2 is from the user"),
        ({"messages": [ANSWER, USER, ANSWER]}, "TF105_not_alternating", "turn 1 is from the assistant"),
        (
            {"messages": [USER, {"role": "tool", "content": "x"}]},
            "TF106_unsupported_role",
            "messages[2].role is 'tool'",
        ),
        ({"messages": [USER, {"role": "assistant"}]}, "TF104_missing_field", "messages[2].content is missing"),
        ({"messages": [USER, {**ANSWER, "content": None}]}, "TF103_wrong_type", "must be text, found null"),
        ({"messages": [USER, {**ANSWER, "content": " "}]}, "TF102_empty_text", "messages[2].content is empty"),
        ({"messages": "Hi"}, "TF103_wrong_type", "messages must be a list"),
        ({"messages": [USER]}, "TF108_no_answer", "has no assistant answer"),
        ({"messages": []}, "TF108_no_answer", "has no assistant answer"),
        ({"messages": [USER, {**ANSWER, "content": "a<|eot_id|>"}]}, "TF107_control_tokens", "<|eot_id|>"),
        ({"prompt": "Hi?", "completion": "Yes."}, "TF109_mixed_formats", "not chat-jsonl like the first"),
    ],
)
def test_faults_are_named_by_record_and_field(read, record, code, message):
    result = read([{"messages": [USER, ANSWER]}, record])
    (issue,) = [issue for issue in result.report.issues if issue.severity == "error"]
    assert issue.code == code
    assert issue.message.startswith("conversation 2: ")
    assert message in issue.message
    assert result.report.faulty == 1


def test_a_trailing_user_message_is_dropped(read):
    result = read([{"messages": [USER, ANSWER, USER]}])
    assert spoken(result) == [(None, GREETING[0][1])]
    assert "TF202_trailing_user_turn" in result.report.issue_counts


def test_the_number_is_that_of_the_record_in_the_file(read):
    result = read([{"messages": [USER, ANSWER]}, {"messages": []}, {"messages": [USER, {**ANSWER, "content": "Yes."}]}])
    assert [(c.key, c.number) for c in result.conversations] == [("record-1", 1), ("record-3", 3)]
