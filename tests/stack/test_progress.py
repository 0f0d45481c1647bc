"""Which step, what, for how long still; nothing invented."""

import json
import re

import pytest

from stack.durations import Durations
from stack.progress import Progress, Step, span, still

FETCH, TRAIN = Step("fetch", "Fetch it", 5), Step("train", "Train it", 60)


@pytest.fixture
def durations(tmp_path) -> Durations:
    return Durations(tmp_path / "cache" / "durations.json")


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("==")]


def test_first_time_the_stated_defaults_count_and_the_last_step_needs_no_total(durations, capsys) -> None:
    progress = Progress([FETCH, TRAIN], durations)
    for step in (FETCH, TRAIN):
        with progress.step(step):
            pass
    first, last = lines(capsys.readouterr().out)
    assert first == "== 1/2 Fetch it (about 5 s; 1 min 5 s until all is done)"
    assert last == "== 2/2 Train it (about 1 min)"


def test_the_second_time_what_was_measured_counts(durations, capsys) -> None:
    durations.remember("train", 95.0)
    with Progress([FETCH, TRAIN], durations).step(FETCH):
        pass
    assert "1 min 40 s until all is done" in capsys.readouterr().out
    assert durations.expected("fetch", 5) < 5
    assert durations.expected("train", 60) == 95


def test_a_step_that_fails_is_not_remembered(durations) -> None:
    with pytest.raises(ZeroDivisionError), Progress([FETCH], durations).step(FETCH):
        raise ZeroDivisionError
    assert durations.expected("fetch", 5) == 5


def test_steps_of_another_process_are_counted_with(durations, capsys) -> None:
    progress = Progress([TRAIN], durations, done=3, began=0.0)
    with progress.step(TRAIN):
        pass
    assert lines(capsys.readouterr().out) == ["== 4/4 Train it (about 1 min)"]
    assert progress.elapsed_s > 10**9


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"fetch": "soon"}), json.dumps({"fetch": -1})])
def test_damaged_records_are_no_reason_to_stop(durations, content) -> None:
    durations.path.parent.mkdir()
    durations.path.write_text(content)
    assert durations.expected("fetch", 5) == 5
    durations.remember("train", 1.26)
    assert durations.expected("train", 5) == 1.3


def test_a_home_that_cannot_be_written_neither(tmp_path) -> None:
    (tmp_path / "file").touch()
    Durations(tmp_path / "file" / "durations.json").remember("fetch", 1)


def test_words_for_time() -> None:
    assert [span(seconds) for seconds in (0.2, 59.4, 60, 95, 120)] == ["1 s", "59 s", "1 min", "1 min 35 s", "2 min"]
    assert still(12) == "about 12 s still"
    assert still(-3) == "longer than usual"


def test_on_a_terminal_one_line_changes_and_lines_of_the_step_stay(durations) -> None:
    """What a person's terminal shows, from a real one."""
    import os
    import pty
    import subprocess
    import sys

    code = (
        "import time; from pathlib import Path; from stack.durations import Durations\n"
        "from stack.progress import Progress, Step, tell\n"
        "step = Step('fetch', 'Fetch it', 9)\n"
        f"with Progress([step], Durations(Path({str(durations.path)!r}))).step(step):\n"
        "    time.sleep(1.2); tell('   a line')\n"
    )
    reader, writer = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stdout=writer) as process:
        os.close(writer)
        shown = b""
        while True:
            try:
                shown += os.read(reader, 4096)
            except OSError:
                break
        assert process.wait() == 0
    text = shown.decode()
    assert re.search(r"\r\x1b\[K   1 s, about 8 s still", text)
    assert re.search(r"\r\x1b\[K   a line\r\n", text)
    assert re.search(r"\r\x1b\[K   done in \d\.\d s", text)
