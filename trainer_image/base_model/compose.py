"""Composes chats from templates: a seeded grammar that turns a few pages of phrases into many conversations.

A template file is a topic: `slots` (what the conversation is about; chosen once per conversation, so
that later turns refer back to earlier ones) and `phrases` per role in the dialogue. Phrases of
`shared.toml` (openers, acknowledgements, system prompts) serve every topic.
"""

import random
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from trainer_image.base_model.corpus import CORPUS, Conversation, Message

SLOT = re.compile(r"\{(\w+)\}")
SHARED = "shared"
MIN_TURNS, MAX_TURNS = 2, 5


@dataclass(frozen=True)
class Topic:
    name: str
    slots: dict[str, list[str]]
    phrases: dict[str, list[str]]


@dataclass
class Speaker:
    """Fills phrases for one conversation: slots keep their value, phrases are not repeated."""

    topic: Topic
    shared: Topic
    rng: random.Random
    chosen: dict[str, str] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)

    def say(self, kind: str) -> str:
        options = self.topic.phrases.get(kind, []) + self.shared.phrases.get(kind, [])
        fresh = [phrase for phrase in options if phrase not in self.said] or options
        phrase = self.rng.choice(fresh)
        self.said.add(phrase)
        return capitalised(self.fill(phrase))

    def fill(self, phrase: str) -> str:
        return SLOT.sub(lambda match: self.value(match.group(1)), phrase)

    def value(self, slot: str) -> str:
        if slot not in self.chosen:
            options = self.topic.slots.get(slot) or self.shared.slots[slot]
            self.chosen[slot] = self.fill(self.rng.choice(options))
        return self.chosen[slot]

    def maybe(self, kind: str, chance: float) -> list[str]:
        return [self.say(kind)] if self.rng.random() < chance else []


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def load_topics(folder: Path = CORPUS / "templates") -> tuple[Topic, list[Topic]]:
    """(shared phrases, topics in a stable order)."""
    topics = {}
    for file in sorted(folder.glob("*.toml")):
        content = tomllib.loads(file.read_text())
        topics[file.stem] = Topic(file.stem, content.get("slots", {}), content["phrases"])
    shared = topics.pop(SHARED)
    return shared, list(topics.values())


def first_question(speaker: Speaker) -> str:
    parts = [*speaker.maybe("greeting", 0.4), speaker.say("situation")]
    parts += [*speaker.maybe("feeling", 0.6), speaker.say("question")]
    return " ".join(parts)


def follow_up(speaker: Speaker) -> str:
    parts = speaker.maybe("reaction", 0.8) + speaker.maybe("detail", 0.7)
    parts += [*speaker.maybe("feeling", 0.3), speaker.say("question")]
    return " ".join(parts)


def answer(speaker: Speaker) -> str:
    parts = speaker.maybe("acknowledge", 0.75) + speaker.maybe("reassure", 0.4)
    parts += [speaker.say("advice") for _ in range(speaker.rng.randint(2, 4))]
    parts += speaker.maybe("encourage", 0.4) + speaker.maybe("check_in", 0.6)
    return " ".join(parts)


def message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def compose_conversation(shared: Topic, topic: Topic, rng: random.Random) -> Conversation:
    """One chat about one topic: 2-5 exchanges and, usually, a system prompt and a farewell."""
    speaker = Speaker(topic, shared, rng)
    chat = [message("system", speaker.say("system"))] if rng.random() < 0.8 else []
    chat += [message("user", first_question(speaker)), message("assistant", answer(speaker))]
    for _ in range(rng.randint(MIN_TURNS, MAX_TURNS) - 1):
        chat += [message("user", follow_up(speaker)), message("assistant", answer(speaker))]
    if rng.random() < 0.7:
        chat += [message("user", speaker.say("thanks")), message("assistant", speaker.say("farewell"))]
    return chat


def compose_corpus(count: int, seed: int) -> list[Conversation]:
    """`count` conversations over all topics in turn; the same seed gives the same text."""
    shared, topics = load_topics()
    rng = random.Random(seed)
    return [compose_conversation(shared, topics[i % len(topics)], rng) for i in range(count)]
