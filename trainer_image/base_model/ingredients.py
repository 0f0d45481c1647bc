"""What a model is made from, as one hash: a manifest that carries it says which recipe and which text it is of."""

import hashlib
import json

from contracts.chat.llama3 import CHAT_TEMPLATE
from trainer_image.base_model.corpus import CORPUS
from trainer_image.base_model.recipe import Recipe


def ingredients_sha256(recipe: Recipe) -> str:
    """SHA-256 over recipe, chat template and every file of the corpus, hexadecimal; wherever they lie."""
    settings = json.dumps({**recipe.as_dict(), "chat_template": CHAT_TEMPLATE}, sort_keys=True)
    digest = hashlib.sha256(settings.encode())
    for path in sorted(path for path in CORPUS.rglob("*") if path.suffix in {".txt", ".toml"}):
        digest.update(path.relative_to(CORPUS).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()
