"""The README that travels with an adapter."""

from typing import Any

_TEMPLATE = """# LoRA adapter for {base_model}

Trained on {train_conversations} conversations ({trained_tokens:,} tokens in {epochs:g} epochs, {steps} steps);
{held_out_conversations} conversations were held out to measure it.

| on the held-out conversations | base model | with this adapter |
| --- | --- | --- |
| perplexity (lower is better) | {base_perplexity} | {trained_perplexity} |

## Use

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained(BASE_MODEL, device_map="auto")
model = PeftModel.from_pretrained(base, "path/to/this/folder")
tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")

prompt = tokenizer.apply_chat_template(
    [{{"role": "user", "content": "Hello"}}], add_generation_prompt=True, return_tensors="pt", return_dict=True)
print(tokenizer.decode(model.generate(**prompt, max_new_tokens=200)[0]))
```

`BASE_MODEL` is {base_model}; the adapter fits no other. The training saw the base in 4 bits (NF4, double
quantisation), so load it the same way for the same answers. Use the chat template in this folder: it is the
format of the training.

## Files

| file | holds |
| --- | --- |
| `adapter_model.safetensors`, `adapter_config.json` | the adapter (rank {rank}, alpha {alpha}, float32) |
| `tokenizer.json`, `tokenizer_config.json`, `chat_template.jinja` | the tokenizer as trained |
| `training_summary.json` | data, settings, results, versions of all libraries |
| `training_metrics.json`, `training_metrics.csv` | every step's metrics |
| `golden_outputs.json`, `self_test.py` | recorded answers; `python self_test.py BASE_MODEL` compares them |
"""


def delivery_readme(summary: dict[str, Any]) -> str:
    """From the content of `training_summary.json`."""
    data, results, settings = summary["data"], summary["results"], summary["hyperparameters"]
    return _TEMPLATE.format(
        base_model=summary["base_model"], train_conversations=data["train_conversations"],
        held_out_conversations=data["held_out_conversations"], trained_tokens=results["trained_tokens"],
        epochs=results["epochs"], steps=results["steps"],
        base_perplexity=_figure(results["base_perplexity"]), trained_perplexity=_figure(results["trained_perplexity"]),
        rank=settings["lora_rank"], alpha=settings["lora_alpha"],
    )


def _figure(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f}"
