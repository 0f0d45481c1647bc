"""The base model's tokenizer, when it lies on this machine."""

import os
from pathlib import Path

from brightrun.credentials import data_folder
from contracts.chat import CountTokens, token_counter


def counter_here() -> CountTokens | None:
    """Counts tokens exactly; None when there is no tokenizer here (the report then says `about`)."""
    named = os.environ.get("BASE_MODEL") or os.environ.get("BRIGHTRUN_BASE_MODEL_DIR")
    for folder in (Path(named) if named else None, data_folder() / "models" / "base"):
        if folder is not None and (folder / "tokenizer.json").is_file():
            from tokenizers import Tokenizer

            return token_counter(Tokenizer.from_file(str(folder / "tokenizer.json")))
    return None
