"""What a person reads of many issues: one line for each code."""

from contracts.training_file.grouping import group_issues
from contracts.training_file.issues import IssueLog


def lines(log: IssueLog) -> list[tuple[str, int, str]]:
    return [(group.code[:5], group.count, group.line) for group in group_issues(log.issues, log.counts)]


def test_a_single_issue_keeps_its_message():
    log = IssueLog()
    log.add("TF101_missing_target", "target_response is missing", conversation=7, pair=47)
    assert lines(log) == [("TF101", 1, "conversation 7, pair 47: target_response is missing")]


def test_equal_issues_are_one_line_with_a_count_and_the_first_places():
    log = IssueLog()
    for number in (3, 7, 12, *range(20, 39)):
        log.add("TF202_trailing_user_turn", "the turn is dropped", conversation=number)
    assert lines(log) == [("TF202", 22, "conversations 3, 7, 12 and 19 more: the turn is dropped")]


def test_two_and_three_places_are_named_in_full():
    log = IssueLog()
    log.add("TF202_trailing_user_turn", "x", conversation=1)
    log.add("TF202_trailing_user_turn", "x", conversation=1_200)
    assert lines(log) == [("TF202", 2, "conversations 1 and 1,200: x")]
    log.add("TF202_trailing_user_turn", "x", conversation=1_300)
    assert lines(log) == [("TF202", 3, "conversations 1, 1,200 and 1,300: x")]


def test_pairs_stand_with_their_conversation():
    log = IssueLog()
    for conversation, pair in ((2, 10), (3, 14), (3, 16), (3, 18), (3, 20), (4, 22)):
        log.add("TF201_cut_off_target", "cut off", conversation=conversation, pair=pair)
    assert lines(log) == [
        ("TF201", 6, "6 times in conversations 2 (pair 10), 3 (pairs 14, 16, 18 and 1 more) and 4 (pair 22): cut off")
    ]


def test_several_in_one_conversation():
    log = IssueLog()
    for _ in range(5):
        log.add("TF107_control_tokens", "a control token", conversation=7)
    assert lines(log) == [("TF107", 5, "5 times in conversation 7: a control token")]


def test_where_the_messages_differ_the_meaning_is_said_and_the_first_message():
    log = IssueLog()
    log.add("TF205_too_long", "5,000 tokens are more than 4,096", conversation=1)
    log.add("TF205_too_long", "6,000 tokens are more than 4,096", conversation=2)
    assert lines(log) == [
        (
            "TF205",
            2,
            "conversations 1 and 2: a conversation is longer than the context; what exceeds it is not learnt "
            "(the first: 5,000 tokens are more than 4,096)",
        )
    ]


def test_more_than_are_listed_are_counted():
    log = IssueLog()
    for number in range(1, 251):
        log.add("TF108_no_answer", "no answer", conversation=number)
    assert lines(log) == [("TF108", 250, "250 times in conversations 1, 2, 3 and more: no answer")]


def test_what_concerns_the_whole_file_stays_single_and_errors_come_first():
    log = IssueLog()
    log.add("TF203_totals_disagree", "total_pairs says 9")
    log.add("TF203_totals_disagree", "total_turns says 4", conversation=2)
    log.add("TF203_totals_disagree", "total_turns says 5", conversation=3)
    log.add("TF108_no_answer", "no answer", conversation=5)
    assert [(code, count) for code, count, _ in lines(log)] == [("TF108", 1), ("TF203", 1), ("TF203", 2)]
