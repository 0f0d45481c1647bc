"""Rare tokens are taken apart into what they were merged from, and the text stays the same."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from trainer_image.base_model.segmentation import merge_table, split_rare

TEXT = "The gardener waters the tomatoes, the beans and the roses. Nobody waters the thistles."


@pytest.fixture(scope="module")
def tokenizer(toy_model_folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(toy_model_folder)


def test_the_text_survives_the_split(tokenizer: Any) -> None:
    stream = tokenizer.encode(TEXT)
    split = split_rare(stream, merge_table(tokenizer), rare_below=10, chance=1.0, seed=1)
    assert len(split) > len(stream)
    assert tokenizer.decode(split, skip_special_tokens=True) == TEXT


def test_frequent_and_special_tokens_stay_whole(tokenizer: Any) -> None:
    stream = tokenizer.encode(TEXT)
    the = Counter(stream).most_common(1)[0][0]
    split = split_rare(stream, merge_table(tokenizer), rare_below=2, chance=1.0, seed=1)
    assert split.count(the) == stream.count(the)
    assert split[0] == tokenizer.bos_token_id


def test_the_split_is_seeded(tokenizer: Any) -> None:
    stream, pieces = tokenizer.encode(TEXT * 5), merge_table(tokenizer)
    one, again, other = (split_rare(stream, pieces, rare_below=9, chance=0.5, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other
