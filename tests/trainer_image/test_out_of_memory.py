"""Lack of memory costs a step's computation, not the run: fewer tokens at once, the same training."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer_image.conftest import Bench
from tests.trainer_image.memory import LittleMemory
from tests.trainer_image.training import alike, build, conversations, conversations_of_many_lengths, settings
from trainer_image.data import TrainingData
from trainer_image.errors import OutOfMemory, classify
from trainer_image.hub import find_base_model
from trainer_image.lora_trainer import LoraTrainer
from trainer_image.micro_batches import TokenBudget
from trainer_image.model import load_tokenizer
from trainer_image.step_batch import worst


@pytest.fixture(scope="module")
def data(base_model: Path) -> TrainingData:
    return conversations_of_many_lengths(load_tokenizer(find_base_model(str(base_model))))


@pytest.fixture
def make(base_model: Path, data: TrainingData, tmp_path: Path) -> Any:
    """`make(name, ...)`: a trainer, and the list that its halvings go to."""
    def build_one(name: str, *, preset: str = "balanced", **more: Any) -> tuple[Any, list[tuple[int, int]]]:
        told: list[tuple[int, int]] = []
        overrides = more.pop("overrides", {})
        trainer = build(LoraTrainer, base_model, data, settings(preset, **overrides), tmp_path / name,
                        on_less_at_once=lambda old, new: told.append((old, new)), **more)
        return trainer, told

    return build_one


def longest(data: TrainingData) -> int:
    return max(len(sample.input_ids) for sample in data.train)


def weights(trainer: Any) -> list[torch.Tensor]:
    return [value.detach().clone() for value in trainer.model.parameters() if value.requires_grad]


@pytest.mark.slow
def test_too_little_for_the_budget_shows_before_the_first_step(make: Any, data: TrainingData) -> None:
    """With dropout: the run is to the last bit the one that had the smaller budget from the start."""
    limit = longest(data) + 40
    dropout = {"overrides": {"lora_dropout": 0.05}}
    trainer, told = make("little", **dropout)
    memory = LittleMemory(limit).install(trainer)
    trainer.train()
    assert memory.failed == memory.passes[:len(memory.failed)], "only what came before the first step failed"
    assert told[0][0] == 16_384
    assert [old for old, _ in told[1:]] == [new for _, new in told[:-1]]
    budget = told[-1][1]
    assert longest(data) <= budget <= limit
    same, none = make("same", tokens_at_once=budget, **dropout)
    same.train()
    assert none == []
    assert all(torch.equal(one, other) for one, other in zip(weights(trainer), weights(same), strict=True))


@pytest.mark.slow
def test_in_the_middle_of_a_step_it_begins_again(make: Any, data: TrainingData) -> None:
    """Its second micro-batch fails once: the gradient of the first is not counted twice, nor are its tokens."""
    plain, _ = make("plain", tokens_at_once=800)
    passes = LittleMemory().install(plain).passes
    plain.train()
    assert len(passes) > 1 + 3, "the proof, and a step of several micro-batches"
    trainer, told = make("fails", tokens_at_once=800)
    memory = LittleMemory(fails_at=(2,)).install(trainer)
    trainer.train()
    assert memory.failed == [passes[2]]
    assert told == [(800, max(longest(data), max(passes[1:3]) // 2))]
    assert alike(trainer, plain)
    assert conversations(trainer) == conversations(plain)
    assert trainer.state.log_history[-2]["num_tokens"] == data.train_tokens


@pytest.mark.slow
def test_a_backward_pass_that_does_not_fit(make: Any, data: TrainingData) -> None:
    """Where most of the memory is needed; what the pass has accumulated until there is dropped."""
    plain, _ = make("plain")
    plain.train()
    trainer, told = make("fails")
    layer = trainer.model.get_base_model().model.layers[0]
    times: list[int] = []

    def fail(module: Any, grad_input: Any, grad_output: Any) -> None:
        times.append(grad_output[0].shape[1])
        if len(times) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    layer.register_full_backward_hook(fail)
    trainer.train()
    assert told == [(16_384, max(longest(data), times[1] // 2))]
    assert alike(trainer, plain)


@pytest.mark.slow
def test_when_one_conversation_is_too_much_the_run_ends(make: Any, data: TrainingData) -> None:
    trainer, told = make("none")
    LittleMemory(longest(data) - 1).install(trainer)
    with pytest.raises(torch.OutOfMemoryError) as caught:
        trainer.train()
    assert told[-1][1] == longest(data)
    assert trainer.state.global_step == 0
    failure = classify(caught.value, {"tokens_at_once": told[-1][1], "max_seq_length": 1024})
    assert isinstance(failure, OutOfMemory)
    assert f"at most {longest(data)} tokens at once" in str(failure)


def test_other_errors_are_not_tried_again(make: Any) -> None:
    trainer, told = make("broken")

    def broken(*_: Any) -> None:
        raise RuntimeError("shapes do not match")

    trainer.model.get_base_model().model.register_forward_pre_hook(broken)
    with pytest.raises(RuntimeError, match="shapes"):
        trainer.train()
    assert told == []


def test_the_proof_computes_the_largest_micro_batch_and_leaves_nothing(make: Any, data: TrainingData) -> None:
    trainer, _ = make("proof", tokens_at_once=700, overrides={"lora_dropout": 0.05})
    memory = LittleMemory().install(trainer)
    trainer.optimizer = trainer.create_optimizer()
    trainer.model_wrapped = trainer.model
    before, random = weights(trainer), torch.get_rng_state()
    trainer.prove_memory()
    assert memory.passes == [700]
    assert all(torch.equal(one, other) for one, other in zip(weights(trainer), before, strict=True))
    assert torch.equal(torch.get_rng_state(), random)
    assert all(parameter.grad is None for parameter in trainer.model.parameters())
    assert trainer._total_train_tokens == 0


def test_no_step_goes_beyond_what_was_proven() -> None:
    rows = [{"input_ids": [0] * length, "labels": [0] * length} for length in (9, 7, 5, 4)]
    sizes = [(tokens, [len(row["input_ids"]) for row in worst(rows, tokens)]) for tokens in (1, 9, 12, 17, 100)]
    assert sizes == [(1, [9]), (9, [9]), (12, [9, 3]), (17, [9, 7]), (100, [9, 7, 5, 4])]


@pytest.mark.parametrize(("tokens", "largest", "after"), [
    (16_384, 9_800, 4_900), (16_384, 6_000, 4_000), (4_000, 4_000, None), (16_384, 3_000, None)])
def test_the_budget_is_halved_from_what_did_not_fit(tokens: int, largest: int, after: int | None) -> None:
    told: list[tuple[int, int]] = []
    budget = TokenBudget(tokens, 4_000, lambda old, new: told.append((old, new)))
    assert budget.halve(largest) is (after is not None)
    assert told == ([] if after is None else [(tokens, after)])
    assert budget.tokens == (after or tokens)


@pytest.mark.slow
async def test_a_person_is_told_and_the_run_completes(bench: Bench) -> None:
    """The whole trainer: a warning that names both budgets, and an adapter at the end."""
    run = bench.run().start(BRIGHTRUN_TEST_MEMORY_TOKENS="130")
    assert await run.finished() == 0, run.log()
    warnings = [event for event in run.published("training.warning") if event["code"] == "out_of_memory_recovered"]
    assert len(warnings) == 1
    assert "16,384 tokens at once" in warnings[0]["message"]
    assert warnings[0]["step"] == 0
    assert len(run.published("training.completed")) == 1


@pytest.mark.slow
async def test_a_person_is_told_when_nothing_is_left_to_halve(bench: Bench) -> None:
    run = bench.run().start(BRIGHTRUN_TEST_MEMORY_TOKENS="10")
    assert await run.finished() == 1
    failed = run.published("training.failed")[0]
    assert failed["error_type"] == "out_of_memory"
    assert failed["context"]["tokens_at_once"] == failed["context"]["longest_conversation_tokens"]
