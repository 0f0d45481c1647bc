"""Whether the adapter can be delivered, known before the first step is paid for."""

from typing import Any

from trainer_image.errors import StorageFailed
from trainer_image.objects import LARGEST_OBJECT

# Names, shapes and the frame of a file beside its numbers.
_FRAME_BYTES = 16 * 1024**2


def verify_adapter_size(model: Any, rank: int, largest: int = LARGEST_OBJECT) -> None:
    """Raises StorageFailed for an adapter that the storage does not take as one file."""
    size = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters()
               if parameter.requires_grad)
    room = largest - _FRAME_BYTES
    if size > room:
        error = StorageFailed(
            f"An adapter of rank {rank} has {size / 1e9:.1f} GB on this base model; the storage takes files of up to "
            f"{largest / 1e9:.1f} GB.", lora_rank=rank, adapter_bytes=size)
        error.suggested_fix = f"Choose a lora_rank of at most {rank * room // size}, then start again."
        raise error
