"""When a run is worth a warning. Every number stands here, with its reason."""

from dataclasses import dataclass

GIB = 1024**3


@dataclass(frozen=True)
class Thresholds:
    # A step takes as long as its tokens: the longest batch of a file has up to four times the tokens of the median
    # one, and a checkpoint's upload beside it costs little. Ten times is no batch any more.
    stalled_times_median: float = 10.0
    # Steps of a small model take a tenth of a second, and a busy machine pauses for longer.
    stalled_at_least_s: float = 60.0
    # Before so many steps there is no usual duration; the first compiles kernels.
    stalled_after_steps: int = 5

    # A training that computes keeps the card at 80-100 %; below 30 % it waits: for data, for the processor, for a disk.
    gpu_utilization_pct: float = 30.0
    # A mean over five minutes is blind to slow beginnings, checkpoints and single batches; an H100 costs 0.25 USD then.
    gpu_window_s: float = 300.0

    # The same conversations an epoch later: fine-tuning gains 5-30 % an epoch while it learns, a slow one 1 %.
    plateau_improvement: float = 0.005
    # Few or noisy steps may hide an improvement: only where it is surely (two standard errors) below this.
    plateau_sure_below: float = 0.05
    # Towards its end every schedule flattens out because the learning rate falls, and nothing is left to save.
    plateau_share_left: float = 0.25
    # Nothing is left to learn: another message would only disturb.
    plateau_loss_floor: float = 0.05

    # Medians of 5 % of the run, at least 8 and at most 50 steps: single hard batches do not count.
    rising_share: float = 0.05
    rising_window: tuple[int, int] = (8, 50)
    # A fifth above the best median so far, and five standard errors: the best of many lies some three below the truth
    # by chance alone. No curve of 2,000 healthy ones (tests/trainer_image/run_health/curves.py) is taken for one.
    rising_by: float = 0.20
    rising_errors: float = 5.0

    # The kernel ends the trainer at 100 %, and loading a checkpoint or merging needs some per cent more.
    memory_share: float = 0.90
    # Caches and evaluations come and go.
    memory_for_s: float = 30.0

    # Three checkpoints are kept, the next is written beside them; the journal and the delivery need room as well.
    disk_checkpoints: float = 3.0
    disk_at_least_bytes: int = 2 * GIB


USUAL = Thresholds()
