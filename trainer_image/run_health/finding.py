"""What a rule found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`code` is stable; `message` names this run's own numbers and what to do."""

    code: str
    message: str


@dataclass(frozen=True)
class StepFacts:
    """One optimizer step: its number of `total`, its loss, and where it is in the epochs (1.5: half of the second)."""

    number: int
    total: int
    loss: float
    epoch: float
    epochs: int
