"""The README that travels with an adapter."""

from typing import Any

_TEMPLATE = """# LoRA adapter for {base_model}

Trained on {train_conversations} conversations ({trained_tokens:,} tokens in {epochs:g} epochs, {steps} steps);
{held_out_conversations} conversations were held out to measure it.

| on the held-out conversations | base model | with this adapter |
| --- | --- | --- |
| perplexity (lower is better) | {base_perplexity} | {trained_perplexity} |

## Use

On a GPU or a CPU, in this folder:

```python
{code}```

`BASE_MODEL` is {base_model}{at_revision}; the adapter fits no other. {how_the_base_was_seen}{system_note} The chat
template in this folder is the format of the training.

## Files

| file | holds |
| --- | --- |
| `adapter_model.safetensors`, `adapter_config.json` | the adapter (rank {rank}, alpha {alpha}, float32) |
| `tokenizer.json`, `tokenizer_config.json`, `chat_template.jinja` | the tokenizer as trained |
| `training_summary.json` | data, settings, results, versions of all libraries |
| `training_metrics.json`, `training_metrics.csv` | every step's metrics |
| `golden_outputs.json`, `self_test.py` | recorded answers; `python self_test.py BASE_MODEL` compares |
"""

_CODE = """import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer{import_config}

BASE_MODEL = "{base_model}"  # {where_it_is}
dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
{config}base = AutoModelForCausalLM.from_pretrained(
    BASE_MODEL, {options}dtype=dtype, device_map="auto")
model = PeftModel.from_pretrained(base, ".").eval()
tokenizer = AutoTokenizer.from_pretrained(".")

messages = [
{system}    {{"role": "user", "content": "Hello"}},
]
prompt = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True).to(model.device)
answer = model.generate(**prompt, max_new_tokens=200)
print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1]:], skip_special_tokens=True))
"""

_CONFIG = """quantization = BitsAndBytesConfig(
    load_in_4bit=True, bnb_4bit_quant_type="{quant_type}", bnb_4bit_use_double_quant={double},
    bnb_4bit_compute_dtype=dtype)
"""


def delivery_readme(summary: dict[str, Any]) -> str:
    """From the content of `training_summary.json`."""
    data, results, settings = summary["data"], summary["results"], summary["hyperparameters"]
    quantization, revision = summary["precision"]["quantization"], summary["base_model_revision"]
    seen = summary["precision"]["base"]
    return _TEMPLATE.format(
        base_model=summary["base_model"], train_conversations=data["train_conversations"],
        held_out_conversations=data["held_out_conversations"], trained_tokens=results["trained_tokens"],
        epochs=results["epochs"], steps=results["steps"],
        base_perplexity=_figure(results["base_perplexity"]), trained_perplexity=_figure(results["trained_perplexity"]),
        rank=settings["lora_rank"], alpha=settings["lora_alpha"], code=_code(summary),
        at_revision=f" at revision {revision}" if revision else "",
        how_the_base_was_seen=(
            f"It is stored in 4 bits ({seen}), as the training saw it." if quantization["stored"] else
            f"The training saw it in 4 bits ({seen}): loaded otherwise, it answers a little differently."),
        system_note="" if data["system_prompt"] is None else
        " The system prompt is the one that most of the training's conversations begin with.",
    )


def _code(summary: dict[str, Any]) -> str:
    quantization, revision = summary["precision"]["quantization"], summary["base_model_revision"]
    system = summary["data"]["system_prompt"]
    stored = quantization["stored"]
    return _CODE.format(
        base_model=summary["base_model"], import_config="" if stored else ", BitsAndBytesConfig",
        where_it_is="its hub id, or a folder with a copy" if revision else "the folder of the base model",
        config="" if stored else _CONFIG.format(quant_type=quantization["quant_type"], double=quantization["double"]),
        options=(f'revision="{revision}", ' if revision else "")
        + ("" if stored else "quantization_config=quantization, "),
        system="" if system is None else f'    {{"role": "system", "content": {system!r}}},\n',
    )


def _figure(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f}"
