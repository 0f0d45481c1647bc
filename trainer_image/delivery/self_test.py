"""Checks this adapter against the outputs recorded when it was trained.

    pip install torch transformers peft bitsandbytes
    python self_test.py BASE_MODEL      # the folder or hub id of the base model

Ends with exit status 0 when the adapter answers as recorded and differs from the base.
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

HERE = Path(__file__).resolve().parent


def load(base_model: str) -> PeftModel:
    gpu = torch.cuda.is_available()
    dtype = torch.bfloat16 if gpu else torch.float32
    quantization = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype)
    base = AutoModelForCausalLM.from_pretrained(
        base_model, dtype=dtype, quantization_config=quantization, device_map={"": 0} if gpu else None)
    return PeftModel.from_pretrained(base, str(HERE)).eval()


def answer(model: PeftModel, prompt: list[int], length: int) -> list[int]:
    ids = torch.tensor([prompt], device=model.device)
    with torch.no_grad():
        output = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=length, do_sample=False,
            temperature=None, top_p=None, top_k=None)
    return output[0, len(prompt):].tolist()


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    golden = json.loads((HERE / "golden_outputs.json").read_text())
    model = load(sys.argv[1])
    same = different = 0
    for item in golden["outputs"]:
        length = len(item["answer_ids"])
        same += answer(model, item["prompt_ids"], length) == item["answer_ids"]
        with model.disable_adapter():
            different += answer(model, item["prompt_ids"], length) != item["answer_ids"]
    total = len(golden["outputs"])
    print(f"{same} of {total} answers as recorded, {different} of {total} differ from the base model's")
    return 0 if same == total else 1


if __name__ == "__main__":
    sys.exit(main())
