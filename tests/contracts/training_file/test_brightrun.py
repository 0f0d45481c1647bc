"""Bright Run's formats: rebuilding, counting, and faults named by conversation and pair."""

import pytest

TALK = ["Hi?", "Hello.", "More?", "Yes.", "Bye?"]


def codes(result):
    return set(result.report.issue_counts)


def messages(result, code):
    return [issue.message for issue in result.report.issues if issue.code == code]


def test_a_conversation_is_rebuilt_once_with_all_its_answers(read, file, conversation):
    result = read(file(conversation("one", TALK)))
    (rebuilt,) = result.conversations
    assert [(t.role, t.content, t.learn) for t in rebuilt.turns] == [
        ("user", "Hi?", False),
        ("assistant", "Hello.", True),
        ("user", "More?", False),
        ("assistant", "Yes.", True),
    ]
    assert rebuilt.key == "one"
    assert rebuilt.system_prompt == "Be kind."
    assert rebuilt.metadata["emotional_arc"] == "a_to_b"


def test_null_targets_are_user_turns_and_no_errors(read, file, conversation):
    report = read(file(conversation("one", TALK), conversation("two", ["A?", "B."]))).report
    assert (report.records, report.trainable, report.unanswered, report.errors) == (7, 3, 4, 0)
    assert report.one_line.startswith(
        "7 records: 3 trainable, 4 without an answer (user turns); 2 conversations, about "
    )
    assert report.can_train


def test_the_trailing_user_turn_is_dropped_and_said(read, file, conversation):
    result = read(file(conversation("one", TALK)))
    assert messages(result, "TF202_trailing_user_turn") == [
        "conversation 1: ends on a user turn without an answer; the turn is dropped"
    ]


def test_history_without_the_current_input_gets_it_once(read, file, conversation, pair):
    talk = conversation("one", TALK[:2])
    talk["training_pairs"] = [pair(TALK, 2, conversation_history=[])]
    (rebuilt,) = read(file(talk)).conversations
    assert [turn.content for turn in rebuilt.turns] == ["Hi?", "Hello."]


def test_keys_are_the_outer_ids_although_the_inner_are_the_same(read, file, conversation):
    result = read(file(conversation("one", TALK), conversation("two", ["A?", "B."])))
    assert [c.key for c in result.conversations] == ["one", "two"]


def test_a_missing_target_is_named_by_conversation_and_pair(read, file, conversation):
    second = conversation("two", TALK)
    del second["training_pairs"][3]["target_response"]
    result = read(file(conversation("one", TALK), second))
    (issue,) = [i for i in result.report.issues if i.severity == "error"]
    assert issue.message == "conversation 2, pair 9: target_response is missing"
    assert (issue.code, issue.conversation, issue.pair, issue.field) == (
        "TF101_missing_target",
        2,
        9,
        "target_response",
    )
    assert issue.suggested_fix
    assert result.report.faulty == 1
    assert not result.report.can_train


def test_a_null_on_the_assistants_turn_is_a_lost_answer(read, file, conversation):
    talk = conversation("one", TALK)
    talk["training_pairs"][1]["target_response"] = None
    assert messages(read(file(talk)), "TF101_missing_target") == [
        "conversation 1, pair 2: target_response is null, but this is the assistant's turn"
    ]


@pytest.mark.parametrize("ending", ["\\", "\\u20", "\\u", '"he said\\'])
def test_a_cut_off_answer_stays_context_and_is_not_learnt(read, file, conversation, ending):
    texts = ["Hi?", "Hello" + ending, "More?", "Yes."]
    result = read(file(conversation("one", texts)))
    assert [turn.content for turn in result.conversations[0].answers] == ["Yes."]
    assert (result.report.trainable, result.report.left_out) == (1, 1)
    assert messages(result, "TF201_cut_off_target")[0].startswith("conversation 1, pair 2: target_response is cut off")


def test_a_cut_off_last_answer_takes_its_question_with_it(read, file, conversation):
    result = read(file(conversation("one", ["Hi?", "Hello.", "More?", "Yes\\"])))
    assert [turn.content for turn in result.conversations[0].turns] == ["Hi?", "Hello."]


def test_a_conversation_with_only_cut_off_answers_is_left_out(read, file, conversation):
    result = read(file(conversation("one", ["Hi?", "Hello\\"]), conversation("two", ["A?", "B."])))
    assert [c.key for c in result.conversations] == ["two"]
    assert "TF212_nothing_left" in codes(result)


def test_pairs_without_a_shared_prefix_become_one_sample_each(read, file, conversation):
    talk = conversation("one", TALK)
    talk["training_pairs"][3]["conversation_history"][1]["content"] = "Edited."
    result = read(file(talk))
    assert [c.key for c in result.conversations] == ["one/pair-2", "one/pair-4"]
    assert {c.group for c in result.conversations} == {"one"}
    assert result.report.held_out == 0  # one conversation, whatever its samples
    assert [len(c.answers) for c in result.conversations] == [1, 1]
    assert "TF208_no_shared_prefix" in codes(result)


def test_answers_that_stand_only_in_a_history_are_not_learnt(read, file, conversation):
    talk = conversation("one", TALK[:4])
    del talk["training_pairs"][:2]
    talk["conversation_metadata"]["total_turns"] = 2
    result = read(file(talk))
    assert [turn.content for turn in result.conversations[0].answers] == ["Yes."]
    assert "TF303_context_only_answer" in codes(result)


def test_history_that_does_not_alternate_is_an_error(read, file, conversation):
    talk = conversation("one", TALK[:4])
    talk["training_pairs"][3]["conversation_history"][1]["role"] = "user"
    assert messages(read(file(talk)), "TF105_not_alternating") == [
        "conversation 1, pair 4: message 2 is from the user, where the assistant is due"
    ]


def test_jsonl_with_shuffled_lines_is_grouped(read, pair):
    lines = [
        {"_meta": {"file_name": "x", "total_pairs": 3, "version": "4.0.0"}},
        pair(TALK, 4, conversation_id="one"),
        pair(["A?", "B."], 2, conversation_id="two"),
        pair(TALK, 2, conversation_id="one"),
    ]
    result = read(lines)
    assert [(c.key, len(c.answers)) for c in result.conversations] == [("one", 2), ("two", 1)]
    assert "TF203_totals_disagree" not in codes(result)


def test_jsonl_conversations_that_share_an_id_are_kept_apart(read, pair):
    result = read([pair(TALK, 2), pair(["A?", "B."], 2)])
    assert [c.key for c in result.conversations] == ["shared", "shared#2"]
    assert "TF210_reused_key" in codes(result)


def test_the_older_flat_file_is_read(read, pair):
    flat = {"dataset_metadata": {}, "consultant_profile": {}, "training_pairs": [pair(TALK, t) for t in (1, 2, 3, 4)]}
    report = read(flat).report
    assert (report.format, report.records, report.trainable) == ("brightrun-json", 4, 2)


def test_v5_is_read_like_v4_and_an_unknown_label_is_said(read, file, conversation):
    assert "TF304_unknown_spec" not in codes(read(file(conversation("one", TALK), format_spec="brightrun-lora-v5")))
    assert "TF304_unknown_spec" in codes(read(file(conversation("one", TALK), format_spec="brightrun-lora-v9")))


def test_totals_that_disagree_are_said_and_not_believed(read, file, conversation):
    shares = {"personas": {"saver": 3}}
    content = file(
        conversation("one", TALK), total_conversations=2, total_training_pairs=5, scaffolding_distribution=shares
    )
    result = read(content)
    assert messages(result, "TF203_totals_disagree") == [
        "total_conversations says 2, the file holds 1; records without an answer may have been dropped on export",
        "scaffolding_distribution.personas disagrees with the content for saver",
    ]


def test_open_vocabularies_are_grouped_by_their_keys(read, file, conversation):
    report = read(file(conversation("one", TALK, arc="never_seen_before"))).report
    assert report.emotional_arcs == {"never_seen_before": 1}


def test_a_missing_id_and_missing_pairs_are_named(read, file, conversation):
    nameless = conversation("x", TALK)
    del nameless["conversation_metadata"]["conversation_id"]
    result = read(file(nameless, {"conversation_metadata": {}}))
    assert result.conversations[0].key == "conversation-1"
    assert "TF211_missing_key" in codes(result)
    assert messages(result, "TF104_missing_field") == ["conversation 2: training_pairs is missing or not a list"]


def test_a_conversation_carries_the_number_that_its_issues_name(read, file, conversation):
    faulty = conversation("two", ["A?", "B."])
    del faulty["training_pairs"][1]["target_response"]
    result = read(file(conversation("one", TALK), faulty, conversation("three", ["C?", "D."])))
    assert [(c.key, c.number) for c in result.conversations] == [("one", 1), ("three", 3)]
    assert {i.conversation for i in result.report.issues if i.severity == "error"} == {2}


def test_samples_of_one_conversation_share_its_number(read, file, conversation):
    talk = conversation("two", TALK)
    talk["training_pairs"][3]["conversation_history"][1]["content"] = "Edited."
    result = read(file(conversation("one", ["A?", "B."]), talk))
    assert [(c.key, c.number) for c in result.conversations] == [("one", 1), ("two/pair-4", 2), ("two/pair-6", 2)]


def test_in_a_flat_file_the_number_counts_conversations_by_their_first_record(read, pair):
    lines = [pair(["A?", "B."], 2, conversation_id="one"), pair(TALK, 2, conversation_id="two"),
             pair(["A?", "B.", "C?", "D."], 4, conversation_id="one")]  # fmt: skip
    assert [(c.key, c.number) for c in read(lines).conversations] == [("one", 1), ("two", 2)]


def test_long_labels_are_cut_wherever_they_are_kept(read, file, conversation):
    talk = conversation("one", TALK[:4], arc="a" * 1_000_000)
    talk["training_pairs"][3]["conversation_history"][1]["content"] = "Edited."
    result = read(file(talk))
    assert [c.metadata["emotional_arc"] for c in result.conversations] == ["a" * 200] * 2
    assert result.report.emotional_arcs == {"a" * 200: 1}


def test_a_report_names_the_most_frequent_labels_only(read, file, conversation):
    talks = [conversation(str(n), [f"Q{n}?", f"A{n}."], arc=f"arc-{n}") for n in range(1001)]
    talks.append(conversation("again", ["Q?", "A."], arc="arc-1000"))
    arcs = read(file(*talks)).report.emotional_arcs
    assert (len(arcs), arcs["arc-1000"], list(arcs) == sorted(arcs)) == (1000, 2, True)


def test_many_answers_of_context_only_are_counted_and_not_all_named(read, pair):
    talk = [f"Text {n}." for n in range(60)]
    (issue,) = [i for i in read([pair(talk, 60)]).report.issues if i.code == "TF303_context_only_answer"]
    assert "turn 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40 and 9 more" in issue.message
