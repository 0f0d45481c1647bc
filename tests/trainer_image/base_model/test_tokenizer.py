"""Llama 3's special tokens and chat format, and text that survives the round trip."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from contracts.chat.llama3 import CHAT_TEMPLATE
from trainer_image.base_model.tokenizer import SPECIAL_TOKENS

CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "How much is 15% of $1,200?"},
    {"role": "assistant", "content": "It is $180."},
]


@pytest.fixture(scope="module")
def tokenizer(toy_model_folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(toy_model_folder)


@pytest.mark.parametrize("token", SPECIAL_TOKENS)
def test_each_special_token_is_one_id(tokenizer: Any, token: str) -> None:
    ids = tokenizer.encode(token, add_special_tokens=False)
    assert len(ids) == 1
    assert tokenizer.decode(ids, skip_special_tokens=True) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Plain words.",
        "  two  spaces\n\nand lines\t",
        "naïve café, 東京, Привет, 🙂",
        "$1,234.56 isn't 7%",
        "\u0000\u00ad",
    ],
)
def test_any_text_survives_the_round_trip(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_plain_text_begins_with_begin_of_text(tokenizer: Any) -> None:
    assert tokenizer.encode("Hi")[0] == tokenizer.bos_token_id


def test_the_chat_format_is_llama_3s(tokenizer: Any) -> None:
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert tokenizer.apply_chat_template(CHAT, tokenize=False) == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHow much is 15% of $1,200?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nIt is $180.<|eot_id|>"
    )


def test_the_generation_marks_cover_the_answer_and_its_end(tokenizer: Any) -> None:
    encoded = tokenizer.apply_chat_template(CHAT, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    learnt = [token for token, mark in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mark]
    assert tokenizer.decode(learnt) == "It is $180.<|eot_id|>"
