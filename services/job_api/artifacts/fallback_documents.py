"""README and summary for a delivery whose trainer sent none: our trainer does, one that uses the webhook may not."""

import json
from typing import Any

from sqlalchemy.engine import RowMapping

from services.job_api.base_models import shown_base_model

README, SUMMARY = "README.md", "training_summary.json"

_README = """# LoRA adapter for {base_model}

From the training job "{name}" ({job_id}), preset {preset}.

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained("{base_model}", device_map="auto")
model = PeftModel.from_pretrained(base, "path/to/this/folder")
tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
```

The adapter fits no other base model. `training_summary.json` holds settings and results.
"""


def readme(job: RowMapping) -> bytes:
    return _README.format(
        base_model=shown_base_model(job["base_model"]), name=job["name"], job_id=job["id"], preset=job["preset"]
    ).encode()


def summary(job: RowMapping, model: RowMapping) -> bytes:
    content: dict[str, Any] = {
        "job_id": str(job["id"]),
        "name": job["name"],
        "attempt": model["attempt"],
        "preset": job["preset"],
        "base_model": shown_base_model(model["base_model"]),
        "hyperparameters": job["configuration"]["hyperparameters"],
        "training_file_id": str(job["training_file_id"]),
        "results": model["metrics_summary"],
        "versions": model["versions"],
    }
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
