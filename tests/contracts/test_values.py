from decimal import Decimal

from contracts.identifiers import uuid7
from contracts.job_status import ACTIVE, TERMINAL, TRANSITIONS, JobAction, JobStatus, allowed_actions, may_move
from contracts.money import format_usd, micro_usd, usd


def test_money_is_exact() -> None:
    assert micro_usd("2.49") == 2_490_000
    assert micro_usd(Decimal("0.0000005")) == 1
    assert usd(2_490_000) == Decimal("2.49")


def test_money_reads_well() -> None:
    assert format_usd(12_300_000) == "$12.30"
    assert format_usd(4_200) == "$0.0042"
    assert format_usd(0) == "$0.00"
    assert format_usd(1_234_567_890_000) == "$1,234,567.89"


def test_uuid7_sorts_by_time_and_says_its_version() -> None:
    ids = [uuid7() for _ in range(50)]
    assert all(item.version == 7 for item in ids)
    assert [item.int >> 80 for item in ids] == sorted(item.int >> 80 for item in ids)
    assert len(set(ids)) == 50


def test_the_table_of_moves_covers_every_status_and_ends_are_ends() -> None:
    assert set(TRANSITIONS) == set(JobStatus)
    assert all(not TRANSITIONS[status] for status in TERMINAL)
    assert {JobStatus.PENDING, JobStatus.PAUSED} | ACTIVE | TERMINAL == set(JobStatus)
    for status in ACTIVE:
        assert may_move(status, JobStatus.CANCELLED)
        assert may_move(status, JobStatus.FAILED)


def test_actions_follow_the_status() -> None:
    assert JobAction.START in allowed_actions(JobStatus.PENDING)
    assert allowed_actions(JobStatus.TRAINING) == (JobAction.CANCEL, JobAction.PAUSE, JobAction.SWITCH_TIER)
    assert JobAction.PROMOTE not in allowed_actions(JobStatus.QUEUED)
    assert JobAction.PROMOTE in allowed_actions(JobStatus.QUEUED, waits_for_turn=True)
    assert allowed_actions(JobStatus.FAILED) == (JobAction.RETRY,)
