"""Losses as fine-tuning makes them: a fall, a step down where conversations come again, noise of small batches."""

import math
import random
from collections.abc import Callable, Iterator

from trainer_image.run_health.finding import Finding, StepFacts

Look = Callable[[StepFacts], Finding | None]


def healthy(seed: int) -> tuple[int, list[float]]:
    """(epochs, losses): 40 to 1,500 steps, noise of 3 to 15 % with rare hard batches, gains of 5 to 30 % an epoch."""
    random.seed(seed)
    epochs, an_epoch = random.choice((2, 3, 4, 6)), random.choice((15, 40, 120, 250))
    start, floor, gain = random.uniform(1.2, 3.0), random.uniform(0.6, 1.1), random.uniform(0.05, 0.3)
    noise, fall = random.uniform(0.03, 0.15), random.uniform(0.05, 0.3) * an_epoch
    losses = []
    for step in range(epochs * an_epoch):
        level = (floor + (start - floor) * math.exp(-step / fall)) * (1 - gain) ** (step // an_epoch)
        hard = random.uniform(1.2, 1.8) if random.random() < 0.01 else 1.0
        losses.append(level * hard * random.lognormvariate(0.0, noise))
    return epochs, losses


def steps(epochs: int, losses: list[float]) -> Iterator[StepFacts]:
    for number, loss in enumerate(losses, 1):
        yield StepFacts(number, len(losses), loss, number * epochs / len(losses), epochs)


def found(look: Look, epochs: int, losses: list[float]) -> list[tuple[int, Finding]]:
    return [(step.number, finding) for step in steps(epochs, losses) if (finding := look(step)) is not None]
