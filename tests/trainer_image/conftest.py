"""A tiny base model, a small training file, and trainers on the real broker and storage."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats as nats_client
import pytest
import pytest_asyncio
from nats.js import JetStreamContext

from contracts.chat import Conversation, Turn
from contracts.hyperparameters import HyperparameterOverrides
from contracts.presets import resolve
from contracts.training_file import canonical_lines
from stack.parts import NatsPart, S3Part
from tests.trainer_image.provisioner import Provisioner
from tests.trainer_image.runs import Launcher, Run

TOPICS = ("the rent", "a first budget", "an old debt", "a surprise bill", "saving for a trip", "a pay rise")
QUICK = {"lora_rank": 4, "learning_rate": 3e-3, "num_epochs": 3, "per_device_train_batch_size": 2,
         "gradient_accumulation_steps": 1, "max_seq_length": 512}


def conversation(number: int) -> Conversation:
    topic = TOPICS[number % len(TOPICS)]
    return Conversation(
        key=f"conversation-{number}", number=number + 1, system_prompt="You help with money, kindly.",
        metadata={"emotional_arc": ("fear_to_calm", "shame_to_pride")[number % 2]},
        turns=(
            Turn(role="user", content=f"I worry about {topic}, and it is number {number} on my list."),
            Turn(role="assistant", content=f"Many people worry about {topic}. What comes first?", learn=True),
            Turn(role="user", content="I do not know where to begin."),
            Turn(role="assistant", content=f"We begin with one page about {topic} and {number} small steps.",
                 learn=True),
        ))


CONVERSATIONS = tuple(conversation(number) for number in range(12))


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Llama-3-shaped, 90,000 random weights: nothing here measures how good a model is."""
    import torch

    from trainer_image.base_model.network import create_model
    from trainer_image.base_model.recipe import Recipe
    from trainer_image.base_model.tokenizer import train_tokenizer

    recipe = Recipe(vocab_size=512, hidden_size=64, intermediate_size=128, layers=2, attention_heads=4,
                    key_value_heads=2, context_length=1024)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(7)
    texts = [turn.content for item in CONVERSATIONS for turn in item.turns]
    tokenizer = train_tokenizer(texts * 4, recipe)
    create_model(recipe, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    started = Launcher()
    yield started
    started.close()


@dataclass
class Bench:
    """A broker, a storage, a provisioner with a training file, and trainers."""

    provisioner: Provisioner
    url: str
    stream: JetStreamContext
    base_model: Path
    launcher: Launcher
    folder: Path
    sha256: str

    def run(self, *, attempt: int = 1, overrides: dict[str, Any] | None = None, **values: Any) -> Run:
        parameters = resolve("balanced", HyperparameterOverrides(**{**QUICK, **(overrides or {})}))
        spec = self.provisioner.spec(self.url, **{
            "attempt": attempt, "base_model": str(self.base_model), "hyperparameters": parameters,
            "training_file_sha256": self.sha256, "heartbeat_interval_s": 0.2, **values})
        return Run(self.launcher, spec, self.folder / f"{spec.job_id}-a{attempt}")


BenchFactory = Callable[[NatsPart], Any]


@pytest_asyncio.fixture
async def new_bench(
    s3: S3Part, base_model: Path, launcher: Launcher, tmp_path: Path
) -> AsyncIterator[Callable[[str], Any]]:
    """`await new_bench(url)`: a fresh job on the broker at this address."""
    opened: list[Any] = []

    async def build(url: str) -> Bench:
        provisioner = Provisioner(s3)
        await provisioner.start(url)
        opened.append(provisioner.stop)
        client = await nats_client.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
        opened.append(client.close)
        sha256 = provisioner.put("training_file", "conversations.jsonl", b"".join(canonical_lines(CONVERSATIONS)))
        return Bench(provisioner, url, client.jetstream(timeout=10), base_model, launcher, tmp_path, sha256)

    yield build
    for close in opened:
        await close()


@pytest_asyncio.fixture
async def bench(topology: NatsPart, new_bench: Callable[[str], Any]) -> Bench:
    built: Bench = await new_bench(topology.url)
    return built


os.environ.setdefault("HF_HUB_OFFLINE", "1")
