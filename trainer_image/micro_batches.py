"""A step is computed in as few passes as memory allows, and in more once it turns out to allow less.

Lack of memory in the middle of a step costs that step's computation and nothing else: weights and optimizer change only
after its last micro-batch. The step begins again, as if it had been cut smaller from the start.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import TrainerCallback

from trainer_image.device import on_gpu
from trainer_image.errors import is_out_of_memory
from trainer_image.step_batch import Row, cut, size, worst

Compute = Callable[[list[Row]], torch.Tensor]


class TokenBudget:
    """Tokens that are computed at once; never fewer than the longest conversation has, which cannot be cut.

    `on_less` is told the budget that was too much and the one that holds from now on.
    """

    def __init__(self, tokens: int, longest: int, on_less: Callable[[int, int], None]) -> None:
        self.tokens, self._longest, self._on_less = tokens, longest, on_less

    def halve(self, largest: int) -> bool:
        """After a micro-batch of `largest` tokens did not fit. False when there is nothing left to halve."""
        new = max(largest // 2, self._longest)
        if new >= largest:
            return False
        old, self.tokens = self.tokens, new
        self._on_less(old, new)
        return True


class MicroBatches:
    """Computes the steps of `trainer`, one of transformers and TRL, within `budget`."""

    def __init__(self, trainer: Any, budget: TokenBudget) -> None:
        self._trainer, self.budget = trainer, budget

    def run(self, rows: Sequence[Row], compute: Compute) -> torch.Tensor:
        """The loss of a step; its gradient is left in the weights. Raises PyTorch's error when the smallest cut does
        not fit either."""
        return torch.stack(self._fitting(lambda: cut(rows, self.budget.tokens), compute)).sum()

    def prove(self, rows: Sequence[Row], compute: Compute) -> None:
        """Forward and backward of the largest micro-batch that can come of `rows`, beside the optimizer's state to be.
        Nothing stays of it, neither gradients nor a trace in the random numbers. Raises as `run`."""
        before = _BeforeStep(self._trainer)
        with _room_for_moments(self._trainer):
            self._fitting(lambda: [worst(rows, self.budget.tokens)], compute)
        before.restore()

    def _fitting(self, groups: Callable[[], list[list[Row]]], compute: Compute) -> list[torch.Tensor]:
        while True:
            before, now = _BeforeStep(self._trainer), groups()
            try:
                return [compute(group) for group in now]
            except Exception as error:
                if not is_out_of_memory(error) or not self.budget.halve(max(size(group) for group in now)):
                    raise
            before.restore()  # after the handler: until its end, the error holds on to the tensors of the pass


class _BeforeStep:
    """What a pass changes beside the gradients: random numbers, and what TRL counts for its log."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._random = torch.get_rng_state()
        self._random_gpu = torch.cuda.get_rng_state() if on_gpu() else None
        self._tokens = trainer._total_train_tokens

    def restore(self) -> None:
        self._trainer.model.zero_grad()
        self._trainer._metrics["train"].clear()  # logged, and so emptied, after every step
        self._trainer._total_train_tokens = self._tokens
        torch.set_rng_state(self._random)
        if self._random_gpu is not None:
            torch.cuda.set_rng_state(self._random_gpu)
        gc.collect()
        if on_gpu():
            torch.cuda.empty_cache()


@contextmanager
def _room_for_moments(trainer: Any) -> Iterator[None]:
    """Holds the memory of Adam's two moments, which come with the first step (a resumed run has them already)."""
    trained = [parameter for parameter in trainer.model.parameters() if parameter.requires_grad]
    moments = [] if trainer.optimizer.state else [torch.empty_like(parameter) for parameter in trained * 2]
    yield
    del moments


class MemoryProof(TrainerCallback):
    """When everything is loaded, an earlier attempt's optimizer included, and nothing is trained yet."""

    def __init__(self, prove: Callable[[], None]) -> None:
        self._prove = prove

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step < state.max_steps:
            self._prove()
