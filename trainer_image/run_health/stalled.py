"""No step for far longer than steps take."""

from trainer_image.run_health.finding import Finding
from trainer_image.run_health.thresholds import USUAL, Thresholds


def stalled(
    seconds: float, usual_s: float, steps: int, step: int, limits: Thresholds = USUAL
) -> Finding | None:
    """`seconds` of training since the last step (evaluations and snapshots do not count), `usual_s` the median of the
    newest of `steps` steps of this process; `step` is the last that was finished."""
    limit = max(limits.stalled_at_least_s, limits.stalled_times_median * usual_s)
    if steps < limits.stalled_after_steps or seconds < limit:
        return None
    return Finding("steps_stalled", (
        f"No step for {seconds:.0f} s after step {step}; a step takes {usual_s:.1f} s. The machine may hang: the "
        "container's output may say why (brightrun logs). If it does not go on, cancel the job and retry it: it "
        "resumes from its newest checkpoint."))
