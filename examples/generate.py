"""Writes a large training file of the real shape from a seed, for load tests.

    python -m examples.generate --out .data/load/242.json

The defaults, 242 conversations with 1,567 records, are the size of the file that the product was designed for.
The same arguments always give the same bytes.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from examples import phrases
from examples.brightrun_format import ARCS, PERSONAS, Dialogue, json_text, jsonl_records, jsonl_text, training_file

CONVERSATIONS = 242
RECORDS = 1567
SEED = 42
SHORTEST, LONGEST = 4, 10


def lengths(conversations: int, records: int, rng: random.Random) -> list[int]:
    """Messages per conversation, between 4 and 10, adding up to `records` exactly."""
    if not conversations * SHORTEST <= records <= conversations * LONGEST:
        raise ValueError(f"{conversations} conversations hold {SHORTEST} to {LONGEST} records each, not {records}")
    found = [SHORTEST] * conversations
    open_ended = list(range(conversations))
    for _ in range(records - sum(found)):
        index = rng.choice(open_ended)
        found[index] += 1
        if found[index] == LONGEST:
            open_ended.remove(index)
    return found


def dialogues(conversations: int, records: int, seed: int) -> list[Dialogue]:
    rng = random.Random(seed)
    return [
        dialogue(f"generated-{seed}-{number:05}", length, rng)
        for number, length in enumerate(lengths(conversations, records, rng), 1)
    ]


def dialogue(slug: str, length: int, rng: random.Random) -> Dialogue:
    persona, arc, topic = (rng.choice(sorted(keys)) for keys in (PERSONAS, ARCS, phrases.TOPICS))
    figures = draw_figures(topic, rng)
    messages = [
        client(position, length, rng, figures) if position % 2 == 0 else planner(arc, rng, figures)
        for position in range(length)
    ]
    return Dialogue(slug, persona, arc, topic, f"A generated talk about {phrases.TOPICS[topic][0]}", messages)


def draw_figures(topic: str, rng: random.Random) -> dict[str, str]:
    """What the phrases fill in; one dialogue speaks of the same figures from first to last."""
    amount, months = rng.randrange(600, 48_000, 50), rng.randrange(3, 37)
    named, detail = phrases.TOPICS[topic]
    share = max(10, round(amount / months, -1))
    return {"amount": f"{amount:,}", "months": str(months), "share": f"{share:,.0f}", "topic": named, "detail": detail}


def client(position: int, length: int, rng: random.Random, figures: dict[str, str]) -> str:
    closing = position == length - 1
    bank = phrases.OPENINGS if position == 0 else phrases.CLOSINGS if closing else phrases.FOLLOW_UPS
    return " ".join(rng.sample(bank, 1 if closing else 2)).format(**figures)


def planner(arc: str, rng: random.Random, figures: dict[str, str]) -> str:
    feeling = rng.choice(phrases.FEELINGS[ARCS[arc][1]])
    parts = (
        rng.choice(phrases.VALIDATIONS),
        *rng.sample(phrases.EXPLANATIONS, rng.choice((1, 2))),
        rng.choice(phrases.STEPS),
        rng.choice(phrases.QUESTIONS),
    )
    return " ".join(parts).format(**figures, feeling=feeling)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write a training file of the real shape from a seed.")
    parser.add_argument("--out", type=Path, required=True, help="file to write; .jsonl gives the JSONL variant")
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    try:
        made = dialogues(options.conversations, options.records, options.seed)
    except ValueError as error:
        parser.error(str(error))
    file = training_file(made, options.out.stem)
    text = jsonl_text(jsonl_records(file)) if options.out.suffix == ".jsonl" else json_text(file)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
