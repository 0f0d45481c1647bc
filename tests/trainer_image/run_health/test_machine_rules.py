import sys
from types import SimpleNamespace
from typing import Any

import pytest

from trainer_image.machine import GpuReadings, container_memory
from trainer_image.run_health.disk import disk_filling
from trainer_image.run_health.gpu_usage import GpuUsage
from trainer_image.run_health.memory import MemoryFilling
from trainer_image.run_health.stalled import stalled
from trainer_image.training_clock import TrainingClock

GIB = 1024**3


@pytest.mark.parametrize(
    ("seconds", "usual", "steps", "is_told"),
    [
        (120.0, 10.0, 50, True), (99.0, 10.0, 50, False),  # ten times the usual
        (59.0, 0.2, 50, False), (61.0, 0.2, 50, True),  # short steps: a minute at least
        (600.0, 10.0, 4, False),  # there is no usual yet
    ],
)
def test_a_step_that_does_not_come(seconds: float, usual: float, steps: int, is_told: bool) -> None:
    finding = stalled(seconds, usual, steps, 17)
    assert (finding is not None) is is_told
    if finding:
        assert finding.code == "steps_stalled"
        assert f"No step for {seconds:.0f} s after step 17; a step takes {usual:.1f} s" in finding.message


def test_evaluations_and_snapshots_are_no_stall() -> None:
    now = [0.0]
    clock = TrainingClock(lambda: now[0])
    clock.start()
    for _ in range(6):
        now[0] += 10.0
        clock.lap()
    now[0] += 4.0
    with clock.paused():
        now[0] += 500.0
        assert (clock.since_lap, clock.is_paused) == (4.0, True)
    now[0] += 3.0
    assert (clock.since_lap, clock.usual_lap, clock.laps, clock.is_paused) == (7.0, 10.0, 6, False)
    assert clock.lap() == 7.0
    assert clock.since_lap == 0.0


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Any:
    """NVML as it answers where there is a card."""
    readings = SimpleNamespace(gpu=95)
    memory = SimpleNamespace(used=70 * GIB, total=80 * GIB)
    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(
        nvmlInit=lambda: None, nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetMemoryInfo=lambda handle: memory, nvmlDeviceGetUtilizationRates=lambda handle: readings))
    return readings


def usage_over(seconds: int, card: Any, utilization: Any) -> list[tuple[int, str]]:
    gpu, rule, told = GpuReadings(), GpuUsage(), []
    for second in range(seconds):
        card.gpu = utilization(second)
        reading = gpu.read()["gpu_utilization_pct"]
        if finding := rule.look(float(second), reading, 210.0):
            told.append((second, finding.message))
    return told


def test_a_gpu_that_waits_is_told_after_five_minutes(card: Any) -> None:
    second, message = usage_over(400, card, lambda second: 12)[0]
    assert 260 <= second <= 300
    assert message.startswith("The GPU was used to 12 % over the last 300 s at 210 tokens/s")


@pytest.mark.parametrize(
    "utilization",
    [
        lambda second: 95,
        lambda second: 0 if second % 60 < 25 else 97,  # a checkpoint a minute
        lambda second: 5 if second < 90 else 90,  # a slow beginning
        lambda second: (40, 10, 70, 35)[second % 4],
    ],
)
def test_a_gpu_that_works_is_not(card: Any, utilization: Any) -> None:
    assert usage_over(600, card, utilization) == []


def memory_over(used: list[float]) -> list[tuple[int, str]]:
    rule = MemoryFilling()
    return [(second, finding.message) for second, gb in enumerate(used)
            if (finding := rule.look(float(second), gb, 64.0))]


def test_memory_that_fills_is_told_before_it_is_full() -> None:
    second, message = memory_over([20 + second * 0.1 for second in range(440)])[0]
    assert 376 + 30 <= second <= 376 + 32, "30 s above nine tenths"
    assert message.startswith(f"{20 + second * 0.1:.1f} of 64.0 GB")
    assert "+30.0 GB in the last 5 min" in message


def test_memory_that_is_full_for_a_moment_or_simply_used_is_not() -> None:
    assert memory_over([63.0 if second % 60 < 20 else 30.0 for second in range(600)]) == []
    assert memory_over([55.0] * 600) == []


def test_the_memory_of_this_machine_can_be_read() -> None:
    used, total = container_memory()
    assert 0 < used < total


@pytest.mark.parametrize(
    ("free", "checkpoint", "is_told"),
    [(69 * GIB, 0, False), (1 * GIB, 0, True), (5 * GIB, 1 * GIB, False), (5 * GIB, 2 * GIB, True)],
)
def test_a_disk_without_room_for_the_next_checkpoints(free: int, checkpoint: int, is_told: bool) -> None:
    finding = disk_filling(free, 100 * GIB, checkpoint)
    assert (finding is not None) is is_told
    if finding:
        assert finding.message.startswith(f"{free / 1e9:.1f} of 107.4 GB")
