"""Reads the authored corpus: chats and prose in plain text files.

A chat file holds one message per line, `role: text`; a blank line ends a conversation.
A prose file holds one piece per line.
"""

from pathlib import Path
from typing import TypedDict

CORPUS = Path(__file__).parent / "corpus"
ROLES = ("system", "user", "assistant")
HELD_OUT_EVERY = 12


class Message(TypedDict):
    role: str
    content: str


Conversation = list[Message]


def parse_message(line: str, where: str) -> Message:
    role, separator, content = line.partition(": ")
    if not separator or role not in ROLES:
        raise ValueError(f"{where}: expected 'system: ', 'user: ' or 'assistant: ', got {line[:40]!r}")
    return {"role": role, "content": content.strip()}


def parse_conversations(text: str, source: str) -> list[Conversation]:
    """Conversations of one chat file; ValueError names file and line of a malformed message."""
    conversations: list[Conversation] = [[]]
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            conversations[-1].append(parse_message(line, f"{source}, line {number}"))
        elif conversations[-1]:
            conversations.append([])
    return [conversation for conversation in conversations if conversation]


def authored_conversations(folder: Path = CORPUS) -> list[Conversation]:
    """All hand-written chats, in a stable order."""
    files = sorted((folder / "conversations").glob("*.txt"))
    return [chat for file in files for chat in parse_conversations(file.read_text(), file.name)]


def authored_prose(folder: Path = CORPUS) -> list[str]:
    files = sorted((folder / "prose").glob("*.txt"))
    return [line.strip() for file in files for line in file.read_text().splitlines() if line.strip()]


def split_held_out(conversations: list[Conversation]) -> tuple[list[Conversation], list[Conversation]]:
    """(training, held out): every twelfth hand-written chat is never trained on."""
    held_out = conversations[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]
    training = [chat for number, chat in enumerate(conversations, 1) if number % HELD_OUT_EVERY]
    return training, held_out
