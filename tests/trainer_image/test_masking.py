"""Exactly which tokens are trained, from the text to the batch that reaches the model."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.chat import CHAT_TEMPLATE, Conversation, Turn, encode, to_messages
from contracts.presets import PRESETS
from tests.trainer_image.conftest import CONVERSATIONS
from trainer_image.data import prepare
from trainer_image.hub import find_base_model

KNOWN = Conversation(
    key="known", system_prompt="Be kind.",
    turns=(
        Turn(role="user", content="Hello"), Turn(role="assistant", content="Hi there", learn=False),
        Turn(role="user", content="And now?"), Turn(role="assistant", content=" We begin. ", learn=True),
    ))
TEXT = ("<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHi there<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nAnd now?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n")
LEARNT = "We begin.<|eot_id|>"


@pytest.fixture(scope="module")
def tokenizer(base_model: Path) -> Any:
    from trainer_image.model import load_tokenizer

    return load_tokenizer(find_base_model(str(base_model)))


def test_token_sequence_and_mask_of_a_known_conversation(tokenizer: Any) -> None:
    encoded = encode(KNOWN, tokenizer.backend_tokenizer)
    context = tokenizer.encode(TEXT, add_special_tokens=False)
    answer = tokenizer.encode(LEARNT, add_special_tokens=False)
    assert encoded.input_ids == context + answer
    assert encoded.labels == [-100] * len(context) + answer
    assert tokenizer.decode(answer[-1]) == "<|eot_id|>"


def test_trl_and_transformers_would_mark_the_same_tokens(tokenizer: Any) -> None:
    for conversation in (KNOWN, *CONVERSATIONS):
        rendered = tokenizer.apply_chat_template(
            to_messages(conversation), chat_template=CHAT_TEMPLATE, tokenize=True, return_dict=True,
            return_assistant_tokens_mask=True)
        encoded = encode(conversation, tokenizer.backend_tokenizer)
        assert rendered["input_ids"] == encoded.input_ids
        assert rendered["assistant_masks"] == encoded.learn_mask


@pytest.fixture(scope="module")
def trainer(base_model: Path, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from trainer_image.lora_trainer import LoraTrainer
    from trainer_image.model import load_base_model

    hyperparameters = PRESETS["balanced"].hyperparameters
    data = prepare(CONVERSATIONS, tokenizer.backend_tokenizer, hyperparameters, 512)
    model = load_base_model(find_base_model(str(base_model))).model
    built = LoraTrainer(
        model, tokenizer, data, hyperparameters, tmp_path_factory.mktemp("trainer"),
        metrics=SimpleNamespace(), checkpoints=SimpleNamespace(), recipe={}, evaluate_first=False)  # type: ignore[arg-type]
    built.test_data = data
    return built


def test_the_batch_that_reaches_the_model(trainer: Any) -> None:
    """Context carries no loss, every learnt token does, and nothing else is in the row."""
    data = trainer.test_data
    step = trainer.data_collator([trainer.train_dataset[index] for index in range(len(data.train))])
    batch = trainer.collate_row(step["step"].rows)
    assert batch["input_ids"][0].tolist() == [token for sample in data.train for token in sample.input_ids]
    assert batch["labels"][0].tolist() == [label for sample in data.train for label in sample.labels]
    assert batch["labels"].tolist() == step["labels"].tolist()
    assert batch["position_ids"][0].tolist() == [at for sample in data.train for at in range(len(sample.input_ids))]


def test_the_loss_is_the_mean_over_learnt_tokens(trainer: Any) -> None:
    """TRL's loss of three conversations in a row, against cross entropy by hand, without its fused head."""
    import torch

    data = trainer.test_data
    batch = trainer.collate_row([trainer.train_dataset[index] for index in range(3)])
    trainer.model.eval()
    with torch.no_grad():
        found = float(trainer.compute_loss(trainer.model, batch))
        total, count = 0.0, 0
        for sample in data.train[:3]:
            logits = trainer.model(input_ids=torch.tensor([sample.input_ids])).logits[0, :-1].double()
            targets = torch.tensor(sample.labels[1:])
            total += float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
            count += int((targets != -100).sum())
    assert count == sum(sample.learnt_tokens for sample in data.train[:3])
    assert found == pytest.approx(total / count, rel=1e-5)


def test_adapters_are_float32_on_every_linear_layer_of_a_4_bit_base(trainer: Any) -> None:
    import bitsandbytes
    import torch

    trained = [(name, value) for name, value in trainer.model.named_parameters() if value.requires_grad]
    layers = {name.split(".lora_")[0] for name, _ in trained}
    assert len(layers) == 2 * 7
    assert {value.dtype for _, value in trained} == {torch.float32}
    quantised = [module for module in trainer.model.modules() if isinstance(module, bitsandbytes.nn.Linear4bit)]
    assert len(quantised) == 2 * 7
    assert all(module.weight.quant_type == "nf4" and module.weight.quant_state.nested for module in quantised)


def test_conversations_that_do_not_fit_are_named(tokenizer: Any) -> None:
    hyperparameters = PRESETS["balanced"].hyperparameters
    long = KNOWN.model_copy(update={"key": "long", "turns": (
        Turn(role="user", content="word " * 400), Turn(role="assistant", content="Yes.", learn=True))})
    data = prepare((*CONVERSATIONS, long), tokenizer.backend_tokenizer, hyperparameters, 300)
    assert [sample.key for sample in data.left_out] == ["long"]
    assert "long" not in {sample.key for sample in data.samples}
    assert not {sample.key for sample in data.train} & {sample.key for sample in data.held_out}


def test_samples_of_one_conversation_name_their_source(trainer: Any, tokenizer: Any) -> None:
    """Otherwise the validator would take them as independent conversations and claim more than they show."""
    from trainer_image.evaluation import compare

    pairs = [KNOWN.model_copy(update={"key": f"talk-{number}/pair-{pair}",
                                      "metadata": {"source_conversation": f"talk-{number}"}})
             for number in range(6) for pair in range(2)]
    data = prepare((*CONVERSATIONS, *pairs), tokenizer.backend_tokenizer, PRESETS["balanced"].hyperparameters, 512)
    compared = compare(trainer.model, data.held_out, known_base={}, known_trained={})
    found = {item.conversation_key: item.source_conversation for item in compared}
    assert found == {key: key.split("/")[0] if "/" in key else None for key in found}
    assert set(found.values()) > {None}
