"""What the receiver runs: the README's code and the self-test, on another machine than the training's."""

import ast
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from contracts.local_base_model import SHIPPED_BASE_MODEL
from contracts.presets import PRESETS
from tests.trainer_image.conftest import CONVERSATIONS
from trainer_image import verify_zip
from trainer_image.data import prepare
from trainer_image.delivery import self_test
from trainer_image.delivery.files import write_adapter, write_json
from trainer_image.delivery.golden import golden_outputs, tolerance
from trainer_image.delivery.readme import delivery_readme
from trainer_image.hub import find_base_model
from trainer_image.model import load_base_model, load_tokenizer, lora_config

HYPERPARAMETERS = PRESETS["balanced"].hyperparameters


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that says other things than its base, and its records."""
    from peft import get_peft_model
    from trl.trainer.utils import add_fused_lm_head

    folder = tmp_path_factory.mktemp("delivery")
    base = find_base_model(str(SHIPPED_BASE_MODEL))
    tokenizer = load_tokenizer(base)
    loaded = load_base_model(base)
    add_fused_lm_head(loaded.model)
    torch.manual_seed(0)
    model = get_peft_model(loaded.model, lora_config(HYPERPARAMETERS))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=3e-3)
    write_adapter(model, folder, base)
    tokenizer.save_pretrained(folder)
    data = prepare(CONVERSATIONS, tokenizer.backend_tokenizer, HYPERPARAMETERS, 512)
    golden = golden_outputs(model, tokenizer, folder, data.train)
    write_json(folder / "golden_outputs.json", {
        "base_model_revision": None, "quantization": loaded.quantization.as_dict(), "tolerance": tolerance(golden),
        "outputs": golden})
    shutil.copy(str(self_test.__file__), folder)
    return folder


def run_self_test(delivery: Path, monkeypatch: pytest.MonkeyPatch, *, dtype: torch.dtype | None = None) -> int:
    """The delivered program, on this CPU, or computing as a GPU does."""
    found = importlib.util.spec_from_file_location("delivered_self_test", delivery / "self_test.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    if dtype is not None:
        monkeypatch.setattr(module, "computing", lambda: torch.autocast("cpu", dtype=dtype))
    return int(module.main([str(SHIPPED_BASE_MODEL)]))


def test_another_precision_may_choose_other_words_and_passes(
    delivery: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_self_test(delivery, monkeypatch) == 0
    assert run_self_test(delivery, monkeypatch, dtype=torch.bfloat16) == 0
    assert "greedy tokens agree" in capsys.readouterr().out


@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
def test_an_adapter_that_is_not_the_one_delivered_fails(
    delivery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    """Not applied, or with another scale."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "other"
    shutil.copytree(delivery, folder)
    path = folder / "adapter_model.safetensors"
    save_file({name: value * factor if "lora_B" in name else value for name, value in load_file(path).items()}, path)
    assert run_self_test(folder, monkeypatch) == 1


def summary(*, stored: bool = False, revision: str | None = None, system: str | None = 'Be "kind".') -> dict[str, Any]:
    return {
        "base_model": "acme/llama", "base_model_revision": revision,
        "hyperparameters": {"lora_rank": 8, "lora_alpha": 16},
        "data": {"train_conversations": 10, "held_out_conversations": 2, "system_prompt": system},
        "results": {"trained_tokens": 5, "epochs": 1.0, "steps": 5, "base_perplexity": 9.0, "trained_perplexity": None},
        "precision": {"base": "nf4, double quantisation", "quantization": {
            "quant_type": "nf4", "double": True, "stored": stored}},
    }


def code_of(readme: str) -> ast.Module:
    return ast.parse(readme.split("```python\n")[1].split("```")[0])


def call(code: ast.Module, name: str) -> ast.Call:
    return next(node for node in ast.walk(code) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(name))


def options(node: ast.Call) -> dict[str, str]:
    return {str(keyword.arg): ast.unparse(keyword.value) for keyword in node.keywords}


def test_the_readmes_code_is_for_a_gpu_too() -> None:
    code = code_of(delivery_readme(summary(revision="c0ffee")))
    assert options(call(code, "BitsAndBytesConfig")) == {
        "load_in_4bit": "True", "bnb_4bit_quant_type": "'nf4'", "bnb_4bit_use_double_quant": "True",
        "bnb_4bit_compute_dtype": "dtype"}
    assert options(call(code, "AutoModelForCausalLM.from_pretrained")) == {
        "revision": "'c0ffee'", "quantization_config": "quantization", "dtype": "dtype", "device_map": "'auto'"}
    moved = call(code, ".to")
    assert ast.unparse(moved.args[0]) == "model.device"
    assert "apply_chat_template" in ast.unparse(moved.func)
    assert "{'role': 'system', 'content': 'Be \"kind\".'}" in ast.unparse(code)


def test_a_base_that_is_stored_in_4_bits_brings_its_own_settings() -> None:
    code = code_of(delivery_readme(summary(stored=True)))
    assert options(call(code, "AutoModelForCausalLM.from_pretrained")) == {"dtype": "dtype", "device_map": "'auto'"}
    assert "BitsAndBytesConfig" not in ast.unparse(code)


def test_without_a_system_prompt_none_is_made_up() -> None:
    readme = delivery_readme(summary(system=None))
    assert "system" not in readme.lower()


def test_the_tolerance_is_half_of_what_was_learnt_within_bounds() -> None:
    def learnt(nats: float) -> float:
        return tolerance([{"answer_ids": [1, 2], "answer_nll": 4.0, "base_answer_nll": 4.0 + 2 * nats}])

    assert learnt(0.1) == pytest.approx(0.05)
    assert learnt(-0.1) == pytest.approx(0.05)
    assert (learnt(0.0), learnt(5.0)) == (0.02, 0.1)
    assert tolerance([]) == 0.02


def test_what_was_recorded_can_be_read_by_any_json_reader(delivery: Path) -> None:
    outputs = json.loads((delivery / "golden_outputs.json").read_text())["outputs"]
    assert len(outputs) == 3
    assert all(item["answer_nll"] != item["base_answer_nll"] for item in outputs)


def test_both_formats_hold_the_same_adapter(delivery: Path) -> None:
    from safetensors.torch import load_file

    weights = load_file(delivery / "adapter_model.safetensors")
    other = torch.load(delivery / "adapter_model.bin", weights_only=True)
    assert weights.keys() == other.keys()
    assert all(torch.equal(weights[name], other[name]) for name in weights)


def test_the_readmes_code_answers_with_the_adapter(delivery: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(delivery)
    code = code_of(delivery_readme(summary() | {"base_model": str(SHIPPED_BASE_MODEL)}))
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102  (our own text, as its reader would run it)
    assert in_four_bits(names["model"])
    assert capsys.readouterr().out.strip()


def test_a_zip_is_verified_on_the_base_in_four_bits(delivery: Path, tmp_path: Path, monkeypatch) -> None:
    """In full precision 70B would need 280 GB where the training needed 40."""
    models: list[Any] = []

    def noted(model: Any, *rest: Any) -> tuple[float, str, str]:
        models.append(model)
        return 1.0, "before", "after"

    monkeypatch.setattr(verify_zip, "_both", noted)
    archive = shutil.make_archive(str(tmp_path / "adapter"), "zip", delivery)
    assert verify_zip.verify(Path(archive), str(SHIPPED_BASE_MODEL)).works
    assert in_four_bits(models[0])


def in_four_bits(model: Any) -> bool:
    from bitsandbytes.nn import Linear4bit

    base = [module for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) and "lora" not in name and "lm_head" not in name]
    return bool(base) and all(isinstance(module, Linear4bit) for module in base)
