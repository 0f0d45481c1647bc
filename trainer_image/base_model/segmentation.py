"""Shows the model the pieces of rare words, so that a word it has never seen is not a riddle.

The tokenizer learns its merges from the same small corpus as the model. Almost every word of it is then one
token, and the pieces that an unseen word falls into are hardly ever trained (measured: 11 nats a piece).
Taking rare tokens apart again now and then trains the pieces: BPE dropout (arXiv:1910.13267), but seeded.
"""

import json
import random
from collections import Counter

from transformers import PreTrainedTokenizerFast

Pieces = dict[int, tuple[int, int]]


def merge_table(tokenizer: PreTrainedTokenizerFast) -> Pieces:
    """For each merged token the two tokens it was merged from."""
    bpe = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    vocabulary = bpe["vocab"]
    return {vocabulary[left + right]: (vocabulary[left], vocabulary[right]) for left, right in bpe["merges"]}


def split_rare(stream: list[int], pieces: Pieces, *, rare_below: int, chance: float, seed: int) -> list[int]:
    """`stream` with tokens that occur fewer than `rare_below` times taken apart, each with `chance`."""
    counts = Counter(stream)
    rng = random.Random(seed)
    result: list[int] = []
    for token in stream:
        waiting = [token]
        while waiting:
            piece = waiting.pop()
            if piece in pieces and counts[piece] < rare_below and rng.random() < chance:
                waiting += reversed(pieces[piece])
            else:
                result.append(piece)
    return result
