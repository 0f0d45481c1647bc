"""What a person should know of a run before its first step, and nothing is wrong with."""

from typing import Any

from trainer_image.reporter import Reporter


def names(samples: Any) -> str:
    shown = ", ".join(sample.name for sample in samples[:5])
    return shown if len(samples) <= 5 else f"{shown} and {len(samples) - 5} more"


def warn_about_data(reporter: Reporter, data: Any, max_length: int) -> None:
    if data.truncated:
        reporter.warn("conversations_truncated", f"{len(data.truncated)} conversations are longer than {max_length:,} "
                      f"tokens; their end is not trained: {names(data.truncated)}")
    if data.left_out:
        reporter.warn("conversations_left_out", f"{len(data.left_out)} conversations have no answer within "
                      f"{max_length:,} tokens and are left out: {names(data.left_out)}")
    if not data.held_out:
        reporter.warn("nothing_held_out", "The file is too small to hold out a conversation: the adapter is trained "
                      "but not measured.")


def warn_about_attention(reporter: Reporter, config: Any) -> None:
    from trainer_image.attention import take_kernel

    if (reason := take_kernel(config)) is not None:
        reporter.warn("attention_kernel_not_used", "The conversations of a row are attended to one after the other, "
                      f"which is exact but slower: the GPU's kernel for all at once does not serve here ({reason}).")
