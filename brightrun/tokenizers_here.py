"""The base model's tokenizer, when it lies on this machine and the package that reads it is installed too."""

import os
from importlib.util import find_spec
from pathlib import Path

from contracts.chat import CountTokens, token_counter
from contracts.local_base_model import SHIPPED_BASE_MODEL


def counter_here() -> CountTokens | None:
    """Counts tokens exactly; None when there is no tokenizer here (the report then says `about`)."""
    if find_spec("tokenizers") is None:
        return None
    named = os.environ.get("BASE_MODEL") or os.environ.get("BRIGHTRUN_BASE_MODEL_DIR")
    for folder in (Path(named) if named else None, SHIPPED_BASE_MODEL):
        if folder is not None and (folder / "tokenizer.json").is_file():
            from tokenizers import Tokenizer

            return token_counter(Tokenizer.from_file(str(folder / "tokenizer.json")))
    return None
