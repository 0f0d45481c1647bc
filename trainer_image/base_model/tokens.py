"""Turns conversations and prose into one stream of tokens, cut into equal steps."""

import random

import torch
from transformers import PreTrainedTokenizerFast

from contracts.chat.llama3 import BEGIN_OF_TEXT
from trainer_image.base_model.compose import compose_corpus
from trainer_image.base_model.corpus import Conversation, authored_conversations, authored_prose, split_held_out
from trainer_image.base_model.recipe import Recipe
from trainer_image.base_model.segmentation import merge_table, split_rare
from trainer_image.base_model.tokenizer import END_OF_TEXT

HELD_OUT_COMPOSED = 24


def training_documents(recipe: Recipe) -> list[Conversation | str]:
    """Everything that is trained on, hand-written and composed, shuffled by the seed."""
    authored, _ = split_held_out(authored_conversations())
    documents: list[Conversation | str] = list(compose_corpus(recipe.composed_conversations, recipe.seed))
    for _ in range(recipe.authored_repeats):
        documents += [*authored, *authored_prose()]
    random.Random(recipe.seed).shuffle(documents)
    return documents


def held_out_conversations(recipe: Recipe) -> dict[str, list[Conversation]]:
    """Chats never trained on: hand-written ones, and composed ones from another seed."""
    _, authored = split_held_out(authored_conversations())
    return {"authored": authored, "composed": compose_corpus(HELD_OUT_COMPOSED, recipe.seed + 1)}


def plain_text(document: Conversation | str) -> str:
    if isinstance(document, str):
        return document
    return "\n\n".join(message["content"] for message in document)


def encode(document: Conversation | str, tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Token ids of one document: a chat in the chat template, prose between begin and end of text."""
    if isinstance(document, str):
        text = BEGIN_OF_TEXT + document + END_OF_TEXT
    else:
        text = str(tokenizer.apply_chat_template(document, tokenize=False))
    return list(tokenizer.encode(text, add_special_tokens=False))


def token_steps(
    documents: list[Conversation | str], tokenizer: PreTrainedTokenizerFast, recipe: Recipe
) -> torch.Tensor:
    """The stream as (steps, tokens_per_step); starts over where the text is shorter than the training."""
    stream = [token for document in documents for token in encode(document, tokenizer)]
    stream = split_rare(
        stream, merge_table(tokenizer), rare_below=recipe.rare_below, chance=recipe.split_chance, seed=recipe.seed
    )
    needed = recipe.steps * recipe.tokens_per_step
    stream = (stream * (1 + needed // len(stream)))[:needed]
    return torch.tensor(stream).view(recipe.steps, recipe.tokens_per_step)
