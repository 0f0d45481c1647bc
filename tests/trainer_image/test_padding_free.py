"""Conversations end to end in one row: the same training as with padded rows, and no conversation sees another."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.padded import Padded
from contracts.presets import PRESETS
from tests.trainer_image.training import (
    alike,
    build,
    conversations,
    conversations_of_many_lengths,
    settings,
)
from trainer_image import lora_trainer
from trainer_image.data import TrainingData
from trainer_image.hub import find_base_model
from trainer_image.lora_trainer import LoraTrainer, verify_loss_mask
from trainer_image.micro_batches import MemoryProof
from trainer_image.model import load_base_model, load_tokenizer
from trainer_image.step_batch import collate_step, cut

# Tokens: two or three of the conversations.
BUDGET = 500


@pytest.fixture(scope="module")
def data(base_model: Path) -> TrainingData:
    return conversations_of_many_lengths(load_tokenizer(find_base_model(str(base_model))))


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_every_step_is_that_of_a_padded_run(preset: str, base_model: Path, data: TrainingData, tmp_path: Path) -> None:
    """Loss and norm of the gradient, over an epoch whose last step is a partial one."""
    free, padded = (build(cls, base_model, data, settings(preset), tmp_path / cls.__name__)
                    for cls in (LoraTrainer, Padded))
    free.train(), padded.train()
    assert free.state.global_step == math.ceil(len(data.train) / 4)
    assert alike(free, padded)
    assert conversations(free) == conversations(padded)


def test_no_token_of_padding_reaches_the_model(base_model: Path, data: TrainingData, tmp_path: Path) -> None:
    trainer = build(LoraTrainer, base_model, data, settings("conservative"), tmp_path, tokens_at_once=BUDGET)
    trainer.remove_callback(MemoryProof)  # its pass is no step's
    tokens: list[int] = []
    trainer.model.register_forward_pre_hook(
        lambda module, args, kwargs: tokens.append(kwargs["input_ids"].numel()), with_kwargs=True)
    trainer.train()
    assert len(tokens) > trainer.state.global_step
    assert sum(tokens) == data.train_tokens
    assert trainer.state.log_history[-2]["num_tokens"] == data.train_tokens


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [1, BUDGET])
def test_how_a_step_is_cut_changes_nothing(
    tokens: int, base_model: Path, data: TrainingData, tmp_path: Path
) -> None:
    """The budget only: the same loss, gradient and order, with fewer or more conversations at once."""
    whole = build(LoraTrainer, base_model, data, settings("balanced"), tmp_path / "whole")
    several = build(LoraTrainer, base_model, data, settings("balanced"), tmp_path / "cut", tokens_at_once=tokens)
    whole.train(), several.train()
    assert alike(several, whole)
    assert conversations(several) == conversations(whole)


@pytest.fixture(scope="module")
def model(base_model: Path) -> Any:
    return load_base_model(find_base_model(str(base_model))).model.eval()


def row_of(model: Any, *samples: list[int]) -> dict[str, Any]:
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    batch = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)([{"input_ids": ids} for ids in samples])
    del batch["labels"]
    return batch


def logits(model: Any, *samples: list[int]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(**row_of(model, *samples), use_cache=False).logits[0]
    return found


def test_a_conversation_sees_no_other(model: Any, data: TrainingData) -> None:
    """Other tokens in the first conversation change no logit of the second, and the second's are those it has alone."""
    first, second = data.train[0].input_ids, data.train[1].input_ids
    others = [(token + 17) % model.config.vocab_size for token in first]
    here, there = logits(model, first, second), logits(model, others, second)
    assert torch.equal(here[len(first):], there[len(first):])
    assert not torch.equal(here[:len(first)], there[:len(first)])
    with torch.no_grad():
        alone = model(input_ids=torch.tensor([second]), use_cache=False).logits[0]
    torch.testing.assert_close(here[len(first):], alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(here[:len(first)], logits(model, first, others)[:len(first)], rtol=1e-4, atol=1e-5)


def test_no_gradient_flows_between_conversations(model: Any, data: TrainingData) -> None:
    first, second = data.train[0].input_ids, data.train[1].input_ids
    batch = row_of(model, first, second)
    embedded = model.get_input_embeddings()(batch.pop("input_ids")).detach().requires_grad_()
    model(inputs_embeds=embedded, **batch, use_cache=False).logits[0, len(first):].square().sum().backward()
    assert embedded.grad[0, :len(first)].abs().max() == 0
    assert embedded.grad[0, len(first):].abs().max() > 0


@pytest.mark.slow
def test_gradient_checkpointing_gives_the_same_gradient(
    base_model: Path, data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recomputation of a layer gets the boundaries of the conversations too."""
    plain = build(LoraTrainer, base_model, data, settings("balanced"), tmp_path / "a")
    config = lora_trainer.training_config

    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        made = config(*args, **kwargs)
        made.activation_checkpointing = made.gradient_checkpointing = True  # the second is an alias of the first
        return made

    monkeypatch.setattr(lora_trainer, "training_config", checkpointed)
    again = build(LoraTrainer, base_model, data, settings("balanced"), tmp_path / "b")
    plain.train(), again.train()
    assert again.model.is_activation_checkpointing
    assert alike(again, plain)


EPOCHS = {"lora_dropout": 0.05, "num_epochs": 3, "learning_rate": 3e-3}


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_same_weights(base_model: Path, data: TrainingData, tmp_path: Path) -> None:
    """With dropout, several micro-batches a step, from the middle of an epoch; each conversation once an epoch."""
    def run(name: str, stop_at: int | None = None, resume: str | None = None) -> Any:
        trainer = build(LoraTrainer, base_model, data, settings("balanced", **EPOCHS), tmp_path / name,
                        tokens_at_once=BUDGET, stop_at=stop_at)
        trainer.train(resume_from_checkpoint=resume)
        return trainer

    whole, first = run("whole"), run("first", stop_at=4)
    second = run("second", resume=str(first.checkpoints.folder_for(4)))
    assert whole.state.global_step == second.state.global_step == 9
    assert conversations(first) + conversations(second) == conversations(whole)
    seen = [key for step in conversations(whole) for key in step]
    size = len(data.train)
    assert [sorted(seen[start:start + size]) for start in range(0, len(seen), size)] == [
        sorted(sample.key for sample in data.train)] * 3
    resumed = dict(second.model.named_parameters())
    for name, value in whole.model.named_parameters():
        if value.requires_grad:
            torch.testing.assert_close(resumed[name], value, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_a_checkpoint_from_before_goes_on_as_it_would_have(
    base_model: Path, data: TrainingData, tmp_path: Path
) -> None:
    """Saved by the trainer of one padded micro-batch at a time: epochs and order count in other batches there."""
    older = {"one_by_one": True}
    hyperparameters = settings("balanced", num_epochs=3, learning_rate=3e-3)
    whole = build(Padded, base_model, data, hyperparameters, tmp_path / "whole", **older)
    first = build(Padded, base_model, data, hyperparameters, tmp_path / "first", stop_at=4, **older)
    whole.train(), first.train()
    second = build(LoraTrainer, base_model, data, hyperparameters, tmp_path / "second")
    second.train(resume_from_checkpoint=str(first.checkpoints.folder_for(4)))
    assert conversations(first) + conversations(second) == conversations(whole)
    assert alike(second, whole, rel=1e-4)


def test_a_step_is_cut_by_tokens_and_never_inside_a_conversation() -> None:
    rows = [{"input_ids": [0] * length} for length in (5, 3, 4, 9, 1)]
    assert [[len(row["input_ids"]) for row in group] for group in cut(rows, 8)] == [[5, 3], [4], [9], [1]]


def test_the_first_token_of_each_conversation_is_not_counted() -> None:
    step = collate_step([{"input_ids": [1, 2, 3], "labels": [1, 2, 3]}, {"input_ids": [4, 5], "labels": [-100, 5]}])
    assert step["labels"].tolist() == [[-100, 2, 3, -100, 5]]


@pytest.mark.parametrize(("field", "change", "told"), [
    ("input_ids", lambda row: [*row[:-1], row[-1] + 1], "changes the tokens of conversation"),
    ("labels", lambda row: [-100] * len(row), "learns other tokens of conversation"),
    ("position_ids", lambda row: list(range(len(row))), "do not begin at 0"),
])
def test_a_collator_that_does_otherwise_is_found_before_the_first_step(
    field: str, change: Any, told: str, base_model: Path, data: TrainingData, tmp_path: Path
) -> None:
    trainer = build(LoraTrainer, base_model, data, settings("balanced"), tmp_path)
    verify_loss_mask(trainer, data)
    right = trainer.collate_row

    def wrong(rows: Any) -> Any:
        batch = right(rows)
        return {**batch, field: torch.tensor([change(batch[field][0].tolist())])}

    trainer.collate_row = wrong
    with pytest.raises(AssertionError, match=told):
        verify_loss_mask(trainer, data)
