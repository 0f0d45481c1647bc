"""Files made in memory, in Bright Run's form, and a shortcut that reads them."""

import json
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import pytest

from contracts.training_file import ImportResult, read_training_file

Read = Callable[..., ImportResult]


def make_pair(texts: Sequence[str], turn: int, **changed: Any) -> dict[str, Any]:
    """The record of one turn, as the real files have it: null target on a user's turn."""
    history = [{"turn": n, "role": "user" if n % 2 else "assistant", "content": t} for n, t in enumerate(texts, 1)]
    answered = turn % 2 == 0
    return {
        "id": f"turn{turn}",
        "conversation_id": "shared",
        "turn_number": turn,
        "system_prompt": "Be kind.",
        "conversation_history": history[: turn - 1],
        "current_user_input": texts[turn - 2] if answered else texts[turn - 1],
        "target_response": texts[turn - 1] if answered else None,
        **changed,
    }


def make_conversation(key: str, texts: Sequence[str], arc: str = "a_to_b") -> dict[str, Any]:
    scaffolding = {"persona_key": "saver", "persona_name": "Pat Doe", "emotional_arc_key": arc}
    return {
        "conversation_metadata": {"conversation_id": key, "total_turns": len(texts), "scaffolding": scaffolding},
        "training_pairs": [make_pair(texts, turn) for turn in range(1, len(texts) + 1)],
    }


def make_file(*conversations: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "training_file_metadata": {"format_spec": "brightrun-lora-v4", **metadata},
        "consultant_profile": {"name": "N"},
        "conversations": list(conversations),
    }


@pytest.fixture
def read() -> Read:
    def read_value(content: Any, **options: Any) -> ImportResult:
        """Bytes as they are, a list as JSON Lines, anything else as one JSON value."""
        if isinstance(content, list):
            content = "".join(json.dumps(line) + "\n" for line in content).encode()
        elif not isinstance(content, bytes):
            content = json.dumps(content).encode()
        return read_training_file(BytesIO(content), file_name="t.json", **options)

    return read_value


@pytest.fixture
def pair() -> Callable[..., dict[str, Any]]:
    return make_pair


@pytest.fixture
def conversation() -> Callable[..., dict[str, Any]]:
    return make_conversation


@pytest.fixture
def file() -> Callable[..., dict[str, Any]]:
    return make_file
