"""A job_api whose base model is a folder with a small tokenizer of the Llama-3 kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

EXAMPLES = Path(__file__).parents[4] / "examples"
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]


@pytest.fixture(scope="session")
def base_model(tmp_path_factory) -> Path:
    """A model folder, as far as the API reads it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    corpus = [(EXAMPLES / "conversations.txt").read_text()]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=1200, special_tokens=SPECIAL, initial_alphabet=alphabet))
    folder = tmp_path_factory.mktemp("base-model")
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def settings_for(settings_for, base_model) -> Any:
    def build(service: str, **overrides: Any) -> dict[str, Any]:
        return settings_for(service, **({"base_model_dir": base_model} | overrides))

    return build


class Uploads:
    """Uploading as a client does, with more than one way to be wrong."""

    def __init__(self, api: Any) -> None:
        self.api = api

    async def send(self, path: Path, client: Any = None, to: str = "/files", **fields: Any) -> Any:
        headers = fields.pop("headers", {})
        with path.open("rb") as file:
            return await (client or self.api.client).post(
                to, files={"file": (path.name, file)}, data=fields, headers=headers)

    async def text(self, content: str | bytes, name: str = "file.jsonl", to: str = "/files", **more: Any) -> Any:
        data = content.encode() if isinstance(content, str) else content
        return await self.api.client.post(to, files={"file": (name, data)}, **more)

    async def example(self, sample: str = "sample.json", **fields: Any) -> dict[str, Any]:
        response = await self.send(EXAMPLES / sample, **fields)
        assert response.status_code == 201, response.text
        return response.json()


@pytest.fixture
def uploads(alone) -> Uploads:
    return Uploads(alone)
