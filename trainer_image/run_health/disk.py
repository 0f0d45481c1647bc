"""The machine's disk fills."""

from trainer_image.run_health.finding import Finding
from trainer_image.run_health.thresholds import USUAL, Thresholds


def disk_filling(free: int, total: int, checkpoint: int, limits: Thresholds = USUAL) -> Finding | None:
    """All in bytes; `checkpoint` is the size of the newest, 0 before the first."""
    needed = max(limits.disk_at_least_bytes, int(limits.disk_checkpoints * checkpoint))
    if free >= needed:
        return None
    beside = f"; a checkpoint takes {checkpoint / 1e9:.1f} GB" if checkpoint else ""
    return Finding("disk_filling", (
        f"{free / 1e9:.1f} of {total / 1e9:.1f} GB of the machine's disk are free{beside}. When it is full no "
        "checkpoint can be kept and the run ends: give the machines a larger disk, or look at what else fills "
        "it."))
