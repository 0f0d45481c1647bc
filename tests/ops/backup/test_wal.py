"""Names of WAL segments, and how far they reach."""

import pytest

from ops.backup import wal

_16_MB = 16 * 1024**2


@pytest.mark.parametrize(("position", "timeline", "name"), [
    ("0/0", 1, "000000010000000000000000"), ("0/16B3748", 1, "000000010000000000000001"),
    ("1/0", 2, "000000020000000100000000"), ("A/FF000028", 17, "000000110000000A000000FF"),
])
def test_a_position_lies_in_the_segment_that_postgresql_names(position: str, timeline: int, name: str) -> None:
    assert wal.segment_of(wal.lsn(position), timeline, _16_MB) == name


def test_a_position_is_read_and_written_as_postgresql_does() -> None:
    assert wal.as_text(wal.lsn("A/FF000028")) == "A/FF000028"


def _segments(*numbers: int, timeline: int = 1) -> set[str]:
    return {wal.segment_of(number * _16_MB, timeline, _16_MB) for number in numbers}


def test_segments_reach_until_the_first_gap() -> None:
    names = _segments(1, 2, 3, 5)
    first = wal.segment_of(2 * _16_MB, 1, _16_MB)
    assert set(wal.reaches(names, first, _16_MB)) == _segments(2, 3)


def test_segments_reach_over_the_end_of_a_log_file_of_4_gb() -> None:
    names = _segments(255, 256, 257)
    assert len(wal.reaches(names, wal.segment_of(255 * _16_MB, 1, _16_MB), _16_MB)) == 3


def test_a_partial_segment_is_the_last_and_counts_only_where_the_whole_one_is_missing() -> None:
    [two, three] = sorted(_segments(2, 3))
    assert wal.reaches({two, three + ".partial"}, two, _16_MB) == [two, three + ".partial"]
    assert wal.reaches({two, two + ".partial"}, two, _16_MB) == [two]
    assert wal.reaches({three + ".partial"}, two, _16_MB) == []


def test_what_no_restore_needs_lies_before_the_first_segment_on_its_way() -> None:
    [one, two, three] = sorted(_segments(1, 2, 3))
    [other] = _segments(1, timeline=2)
    names = [one, two, three, one + ".partial", "00000002.history", other]
    assert wal.older_than(names, two) == [one, one + ".partial"]
