"""Checks this adapter against what was recorded when it was trained.

    pip install torch transformers peft bitsandbytes
    python self_test.py BASE_MODEL      # the folder or hub id of the base model

Recorded are the adapter's answers to a few openings and how likely it finds them. Other processors round in another
way, so a greedy answer may take another word somewhere; how likely the recorded answer is hardly moves. Ends with exit
status 0 when it is as likely as recorded, within the tolerance.
"""

import json
import sys
from contextlib import nullcontext
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

HERE = Path(__file__).resolve().parent
GPU = torch.cuda.is_available()


def load(base_model, golden):
    quantization, dtype = golden["quantization"], torch.bfloat16 if GPU else torch.float32
    options = {} if quantization["stored"] else {"quantization_config": BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=quantization["quant_type"],
        bnb_4bit_use_double_quant=quantization["double"], bnb_4bit_compute_dtype=dtype)}
    revision = None if Path(base_model).is_dir() else golden["base_model_revision"]
    base = AutoModelForCausalLM.from_pretrained(
        base_model, revision=revision, dtype=dtype, device_map={"": 0} if GPU else None, **options)
    return PeftModel.from_pretrained(base, str(HERE)).eval()


def computing():
    """As during the training: no gradients, and on a GPU bfloat16 where it is safe."""
    return torch.autocast("cuda", dtype=torch.bfloat16) if GPU else nullcontext()


def surprise(model, item):
    """Negative log-likelihood of the recorded answer, in nats."""
    prompt, answer = item["prompt_ids"], item["answer_ids"]
    ids = torch.tensor([prompt + answer], device=model.device)
    with torch.no_grad(), computing():
        logits = model(input_ids=ids).logits[0, len(prompt) - 1:-1]
    return -torch.log_softmax(logits.double(), -1).gather(1, ids[0, len(prompt):, None]).sum().item()


def agreeing(model, item):
    """How many of the recorded greedy tokens this machine chooses too, up to the first other one."""
    ids = torch.tensor([item["prompt_ids"]], device=model.device)
    with torch.no_grad(), computing():
        output = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=len(item["answer_ids"]),
            do_sample=False, temperature=None, top_p=None, top_k=None, pad_token_id=0)
    found = output[0, ids.shape[1]:].tolist()
    pairs = zip(found, item["answer_ids"], strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), len(found))


def main(arguments):
    if len(arguments) != 1:
        print(__doc__)
        return 2
    golden = json.loads((HERE / "golden_outputs.json").read_text())
    model, items = load(arguments[0], golden), golden["outputs"]
    tokens = sum(len(item["answer_ids"]) for item in items)
    if not tokens:
        print("Nothing was recorded for this adapter.")
        return 0
    found = sum(surprise(model, item) for item in items) / tokens
    recorded, base = (sum(item[name] for item in items) / tokens for name in ("answer_nll", "base_answer_nll"))
    tolerance = golden["tolerance"]
    print(f"nats per token of the recorded answers: {found:.4f} here, {recorded:.4f} when it was trained "
          f"(tolerance {tolerance:.4f}); the base model alone {base:.4f}")
    print(f"{sum(agreeing(model, item) for item in items)} of {tokens} greedy tokens agree")
    passed = abs(found - recorded) <= tolerance
    print("The adapter answers as recorded." if passed else "The adapter does not answer as recorded.")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
