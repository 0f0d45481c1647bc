"""A machine with little memory: PyTorch's own error, from inside the model, for more tokens at once than it holds."""

from typing import Any

import torch


class LittleMemory:
    """A hook before the forward of the network's body. `holds`: tokens; `fails_at`: numbers of passes that do not fit
    whatever they are. `passes` and `failed`: tokens of every training pass, and of those that did not fit.
    """

    def __init__(self, holds: int = 1 << 30, fails_at: tuple[int, ...] = ()) -> None:
        self.holds, self.fails_at = holds, fails_at
        self.passes: list[int] = []
        self.failed: list[int] = []

    def __call__(self, module: Any, args: Any, kwargs: Any) -> None:
        if not torch.is_grad_enabled():
            return
        tokens = kwargs["input_ids"].numel()
        self.passes.append(tokens)
        if tokens > self.holds or len(self.passes) - 1 in self.fails_at:
            self.failed.append(tokens)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def install(self, trainer: Any) -> "LittleMemory":
        trainer.model.get_base_model().model.register_forward_pre_hook(self, with_kwargs=True)
        return self
