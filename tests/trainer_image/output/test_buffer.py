"""What a trainer prints can hurt nobody, and what is left out is counted."""

import re

from contracts.events import LogLevel, LogLine, LogReported
from contracts.identifiers import uuid7
from contracts.streams import stream_named
from trainer_image.output.buffer import BURST, RATE, LineBuffer


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def fill(buffer: LineBuffer, *texts: str) -> None:
    for text in texts:
        buffer.add(1.0, LogLevel.INFO, text)


def everything(buffer: LineBuffer) -> list[LogLine]:
    lines = []
    while batch := buffer.take():
        lines += batch
    return lines


def left_out(lines: list[LogLine]) -> int:
    counts = [re.fullmatch(r"([\d,]+) lines left out: .*", line.text) for line in lines]
    return sum(int(found.group(1).replace(",", "")) for found in counts if found)


def test_what_a_training_prints_goes_through_as_it_is() -> None:
    clock = Clock()
    buffer = LineBuffer(clock)
    printed = []
    for second in range(3_600):
        clock.seconds = float(second)
        printed += [f"step {second}", f"checkpoint {second}"]
        fill(buffer, *printed[-2:])
    assert [line.text for line in everything(buffer)] == printed


def test_a_chatty_process_is_cut_to_its_rate_and_every_line_is_accounted_for() -> None:
    clock, printed, told = Clock(), 0, []
    buffer = LineBuffer(clock)
    for tenth in range(600):
        clock.seconds = tenth / 10
        fill(buffer, *(f"line {printed + n}" for n in range(100)))
        printed += 100
        told += everything(buffer)
    buffer.close()
    told += everything(buffer)
    kept = [line for line in told if line.text.startswith("line ")]
    assert len(kept) + left_out(told) == printed == 60_000
    assert len(kept) <= BURST + 60 * RATE + 200
    notes = [line for line in told if "left out" in line.text]
    assert len(notes) < 20, "runs of lines, not a note for each line"
    assert {line.level for line in notes} == {LogLevel.WARNING}
    assert [line.text for line in told[-100:]] == [f"line {n}" for n in range(59_900, 60_000)], "the last words"


def test_long_lines_cost_more() -> None:
    clock = Clock()
    buffer = LineBuffer(clock)
    fill(buffer, *("x" * 4_000 for _ in range(1_000)))
    lines = everything(buffer)
    assert len(lines) < 250
    buffer.close()
    rest = everything(buffer)
    assert len(lines) + len([line for line in rest if "left out" not in line.text]) + left_out(rest) == 1_000


def test_lines_that_wait_for_a_broker_that_is_away_are_bounded_and_the_newest_stay() -> None:
    clock = Clock()
    buffer = LineBuffer(clock)
    for hour in range(24 * 60):
        clock.seconds = hour * 60.0
        fill(buffer, *(f"{hour} " + "x" * 400 for _ in range(20)))
    lines = everything(buffer)
    assert sum(len(line.text) for line in lines) <= 4 * 1024**2
    assert "the broker was away for too long" in lines[0].text
    assert lines[-1].text.startswith("1439 ")
    assert len(lines) - 1 + left_out(lines) == 24 * 60 * 20


def test_every_batch_fits_into_a_message_of_the_stream() -> None:
    clock = Clock()
    buffer = LineBuffer(clock)
    fill(buffer, *(character * 4_000 for character in ('"', "🙂", "\t", "x") for _ in range(10)))
    fill(buffer, *("" for _ in range(600)))
    largest = stream_named("LOGS").max_msg_size
    first = 1
    while batch := buffer.take():
        data = LogReported(job_id=uuid7(), workspace_id=uuid7(), attempt=1, first_line=first, lines=tuple(batch))
        assert len(data.model_dump_json()) < 0.9 * largest
        first += len(batch)
    assert first == 641
