"""What was told of is compared with what was drawn."""

import pytest

from benchmarks.web_page.installation import _reports
from benchmarks.web_page.live import compared
from contracts.identifiers import uuid7


def test_a_message_is_drawn_with_the_first_frame_that_shows_its_newest_step_or_a_later_one() -> None:
    told = {10: 100.0, 20: 101.0, 30: 102.0, 40: 103.0}
    drawn = [[10, 100_250], [30, 102_500], [30, 109_000]]  # 20 comes with 30; 40 never
    late = compared(told, drawn)
    assert (late.messages, late.drawn) == (4, 3)
    assert late.longest == pytest.approx(1.5)  # step 20, told at 101 s, drawn at 102.5 s
    assert compared({10: 100.0}, drawn).p95 == pytest.approx(0.25)


def test_where_nothing_is_drawn_there_is_no_figure() -> None:
    with pytest.raises(RuntimeError):
        compared({10: 100.0}, [])


def test_points_fit_into_messages_of_their_stream() -> None:
    messages = _reports(uuid7(), uuid7(), 2_000)
    assert len(messages) == 4  # the last one: what else is measured
    assert max(len(payload) for _, payload in messages) < 64 * 1024
