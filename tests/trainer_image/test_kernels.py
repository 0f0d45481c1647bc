"""Fused operations against PEFT's and transformers' own: the same loss and the same gradients."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch

from contracts.pod_environment import PodSpec
from contracts.presets import PRESETS
from tests.trainer_image.training import alike, build, conversations_of_many_lengths, settings
from trainer_image.environment import KERNELS, BadEnvironment, read_environment
from trainer_image.evaluation import evaluating
from trainer_image.fused_lora import fuse
from trainer_image.hub import find_base_model
from trainer_image.kernels import apply_kernels
from trainer_image.lora_trainer import LoraTrainer
from trainer_image.model import load_base_model, load_tokenizer, lora_config

IDS = torch.arange(10, 70)[None]


@pytest.fixture
def models(base_model: Path) -> Any:
    """`models(dropout)`: the same adapted 4-bit model twice, with an adapter that is not zero."""
    from peft import get_peft_model

    def build_two(dropout: float = 0.0) -> list[Any]:
        found = []
        for _ in range(2):
            torch.manual_seed(0)
            hyperparameters = PRESETS["balanced"].hyperparameters.model_copy(update={"lora_dropout": dropout})
            base = load_base_model(find_base_model(str(base_model))).model
            model = get_peft_model(base, lora_config(hyperparameters))
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    torch.nn.init.normal_(parameter, std=0.02)
            found.append(model.train())
        return found

    return build_two


def loss_and_gradients(model: Any) -> tuple[float, dict[str, torch.Tensor]]:
    model.zero_grad()
    torch.manual_seed(1)
    loss = model(input_ids=IDS, labels=IDS, use_cache=False).loss
    loss.backward()
    return loss.item(), {name: value.grad for name, value in model.named_parameters() if value.requires_grad}


@pytest.mark.parametrize("kernels", KERNELS[1:])
def test_loss_and_gradients_are_those_of_peft(models: Any, kernels: Any) -> None:
    plain, fused = models()
    apply_kernels(fused, kernels)
    (loss, gradients), (other, others) = loss_and_gradients(plain), loss_and_gradients(fused)
    assert other == pytest.approx(loss, rel=1e-6)
    assert gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        assert gradient.abs().max() > 0, name
        torch.testing.assert_close(others[name], gradient, rtol=1e-4, atol=1e-7)


def test_every_layer_is_fused_and_none_computes_in_pefts_way(models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from peft.tuners.lora.bnb import Linear4bit

    model, _ = models()
    assert fuse(model) == 2 * 7
    monkeypatch.setattr(Linear4bit, "forward", lambda *_: pytest.fail("not fused"))
    loss_and_gradients(model)


def test_dropout_drops_as_many_and_keeps_the_mean(models: Any) -> None:
    """Other draws than PEFT's; over many of them the adapter's share of a layer is the same."""
    plain, fused = (model.get_base_model().model.layers[0].mlp.up_proj for model in models(dropout=0.25))
    fuse(fused)
    x = torch.randn(1, 4, 64)
    means = [layer(x.expand(3000, 4, 64)).detach().mean(0) for layer in (plain, fused)]
    base = plain.base_layer(x)[0]
    share = (means[0] - base).abs().max()
    assert (means[1] - means[0]).abs().max() < 0.1 * share


def test_the_gradient_under_dropout_is_that_of_the_values(models: Any) -> None:
    """Finite differences of the fused layer, its draws held fast."""
    _, model = models(dropout=0.25)
    layer = model.get_base_model().model.layers[0].self_attn.q_proj
    fuse(layer)
    x = torch.randn(1, 5, 64, requires_grad=True)
    weight, direction = torch.randn(1, 5, 64), torch.randn(1, 5, 64)

    def value(at: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)
        return (layer(at) * weight).sum()

    value(x).backward()
    assert x.grad is not None
    wanted = (value(x.detach() + 1e-2 * direction) - value(x.detach() - 1e-2 * direction)) / 2e-2
    assert float((x.grad * direction).sum()) == pytest.approx(float(wanted.detach()), rel=1e-3)


def test_the_base_is_what_it_was_when_the_adapter_is_off(models: Any) -> None:
    plain, fused = models()
    fuse(fused)
    with plain.disable_adapter(), fused.disable_adapter(), evaluating(plain), evaluating(fused):
        assert torch.equal(plain(input_ids=IDS).logits, fused(input_ids=IDS).logits)


@pytest.mark.slow
def test_a_training_with_them_is_the_same_training(base_model: Path, tmp_path: Path) -> None:
    data = conversations_of_many_lengths(load_tokenizer(find_base_model(str(base_model))))
    plain, fused = (build(LoraTrainer, base_model, data, settings("balanced", learning_rate=3e-3), tmp_path / kernels,
                          kernels=kernels) for kernels in ("reference", "fused"))
    plain.train(), fused.train()
    assert alike(fused, plain, rel=1e-4)


def test_the_switch_is_off_unless_set_and_knows_its_values() -> None:
    spec = {"BRIGHTRUN_POD_SPEC": PodSpec(
        job_id=uuid4(), workspace_id=uuid4(), attempt=1, pod_name="p", nats_url="nats://127.0.0.1:1",
        base_model="none", hyperparameters=PRESETS["balanced"].hyperparameters, training_file_sha256="",
        max_duration_s=60).model_dump_json()}
    assert read_environment(spec).kernels == "reference"
    assert read_environment({**spec, "BRIGHTRUN_KERNELS": "fused_lora"}).kernels == "fused_lora"
    with pytest.raises(BadEnvironment, match="one of reference, fused_lora, fused"):
        read_environment({**spec, "BRIGHTRUN_KERNELS": "magic"})
