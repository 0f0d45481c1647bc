"""Ends a run whose weights are no numbers any more, before it has used up its money."""

import math

from trainer_image.errors import Diverged
from trainer_image.reporter import Reporter

# One can be a freak batch; after an optimizer step on it, no later loss is a number again.
STEPS_UNTIL_STOP = 3


class LossGuard:
    """Told every step's loss. Warns at the first that is not finite, raises Diverged at the third in a row."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._bad: list[tuple[int, list[str]]] = []

    def check(self, step: int, loss: float, conversations: list[str]) -> None:
        """`conversations`: of this step, as a person knows them."""
        if math.isfinite(loss):
            self._bad.clear()
            return
        self._bad.append((step, conversations))
        if len(self._bad) == 1:
            self._reporter.warn(
                "loss_not_finite", f"The loss of step {step} is {loss}; the step held {', '.join(conversations)}. "
                "A lower learning rate or the conservative preset usually helps.", step)
        if len(self._bad) == STEPS_UNTIL_STOP:
            raise self._diverged()

    def _diverged(self) -> Diverged:
        first, conversations = self._bad[0]
        return Diverged(
            f"The training diverged: the loss was no number in {STEPS_UNTIL_STOP} steps in a row, from step {first} "
            f"on. Step {first} held {', '.join(conversations)}.",
            first_step=first, conversations={str(step): names for step, names in self._bad})
