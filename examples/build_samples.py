"""Writes every sample file of this folder from conversations.txt: `python -m examples.build_samples`."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from examples.brightrun_format import (
    SYSTEM_PROMPT,
    Dialogue,
    flat_file,
    json_text,
    jsonl_records,
    jsonl_text,
    training_file,
)

HERE = Path(__file__).parent


def read_dialogues(text: str) -> list[Dialogue]:
    """Blocks of a "# persona | arc | topic | context" line and alternating "U: " and "A: " lines."""
    dialogues = []
    for number, block in enumerate(text.strip().split("\n\n"), 1):
        head, *lines = block.splitlines()
        persona, arc, topic, context = (part.strip() for part in head.removeprefix("#").split("|"))
        messages = [line[3:] for line in lines]
        dialogues.append(Dialogue(f"sample-{number:02}-{topic}", persona, arc, topic, context, messages))
    return dialogues


def messages_of(dialogue: Dialogue) -> list[dict[str, str]]:
    answered = dialogue.messages[: len(dialogue.messages) // 2 * 2]
    spoken = [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(answered)]
    return [{"role": "system", "content": SYSTEM_PROMPT}, *spoken]


def chat_records(dialogues: Sequence[Dialogue]) -> list[dict[str, Any]]:
    return [{"id": d.id, "messages": messages_of(d)} for d in dialogues]


def prompt_completion_records(dialogues: Sequence[Dialogue]) -> list[dict[str, Any]]:
    """The first dialogue as two texts, the others as message lists: both forms in one file."""
    first, *others = dialogues
    records: list[dict[str, Any]] = [{"prompt": first.messages[0], "completion": first.messages[1]}]
    for dialogue in others:
        messages = messages_of(dialogue)
        records.append({"prompt": messages[:-1], "completion": messages[-1:]})
    return records


def sharegpt_records(dialogues: Sequence[Dialogue]) -> list[dict[str, Any]]:
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    return [
        {"id": d.id, "conversations": [{"from": names[m["role"]], "value": m["content"]} for m in messages_of(d)]}
        for d in dialogues
    ]


def samples(dialogues: Sequence[Dialogue]) -> dict[str, str]:
    """File name to content of the valid samples."""
    whole = training_file(dialogues, "juniper-lane-sample")
    few = dialogues[:4]
    return {
        "sample.json": json_text(whole),
        "sample.jsonl": jsonl_text(jsonl_records(whole)),
        "sample-flat.json": json_text(flat_file(training_file(few[:2], "seed"))),
        "sample-chat.jsonl": jsonl_text(chat_records(few)),
        "sample-prompt-completion.jsonl": jsonl_text(prompt_completion_records(few)),
        "sample-sharegpt.json": json_text(sharegpt_records(few)),
    }


def broken_samples(dialogues: Sequence[Dialogue]) -> dict[str, tuple[str, str]]:
    """File name to (code that the importer gives, content)."""
    short = [d for d in dialogues if d.topic in ("caring_for_parents", "first_home")]
    return {**broken_brightrun(short), **broken_records(short)}


def broken_brightrun(dialogues: Sequence[Dialogue]) -> dict[str, tuple[str, str]]:
    good = training_file(dialogues, "broken-sample")
    missing, cut_off = copy.deepcopy(good), copy.deepcopy(good)
    del pair_of(missing, 1, 4)["target_response"]
    answer = pair_of(cut_off, 0, 6)
    answer["target_response"] = answer["target_response"][:90] + " he said \\"
    totals = copy.deepcopy(good)
    totals["training_file_metadata"]["total_training_pairs"] = 12
    blank = flat_file(good)
    blank["training_pairs"][1]["target_response"] = "  "
    text = json_text(good)
    twice = text.replace('"turn_number": 2,', '"turn_number": 2, "turn_number": 3,', 1)
    return {
        "brightrun-missing-target.json": ("TF101_missing_target", json_text(missing)),
        "brightrun-cut-off-target.json": ("TF201_cut_off_target", json_text(cut_off)),
        "brightrun-totals-disagree.json": ("TF203_totals_disagree", json_text(totals)),
        "brightrun-duplicate-key.json": ("TF008_duplicate_key", twice),
        "brightrun-cut-off-file.json": ("TF007_invalid_json", text[: len(text) // 2]),
        "brightrun-flat-blank-target.json": ("TF102_empty_text", json_text(blank)),
        "brightrun-history-changed.jsonl": ("TF208_no_shared_prefix", jsonl_text(history_changed(good))),
    }


def history_changed(file: dict[str, Any]) -> list[dict[str, Any]]:
    """Two records of one conversation; the second's history has another first answer than the first's."""
    records = copy.deepcopy(list(jsonl_records(file))[:3])
    records[2]["conversation_history"][1]["content"] = "An answer that was rewritten after the first export."
    return records


def broken_records(dialogues: Sequence[Dialogue]) -> dict[str, tuple[str, str]]:
    chat, sharegpt = chat_records(dialogues), sharegpt_records(dialogues)
    twice, tool, control = copy.deepcopy(chat), copy.deepcopy(chat), copy.deepcopy(chat)
    twice[1]["messages"].insert(2, {"role": "user", "content": "And one more thing."})
    tool[0]["messages"].append({"role": "tool", "content": "42"})
    control[1]["messages"][2]["content"] += " <|eot_id|>"
    silent, numbers = copy.deepcopy(sharegpt), copy.deepcopy(sharegpt)
    silent[1]["conversations"] = silent[1]["conversations"][:2]
    numbers[0]["conversations"][2]["value"] = 42
    pairs = prompt_completion_records(dialogues)
    half = json_text(sharegpt).replace("lonely", "lonely \\ud83d", 1)
    return {
        "chat-two-user-messages.jsonl": ("TF105_not_alternating", jsonl_text(twice)),
        "chat-tool-role.jsonl": ("TF106_unsupported_role", jsonl_text(tool)),
        "chat-control-token.jsonl": ("TF107_control_tokens", jsonl_text(control)),
        "chat-not-a-number.jsonl": ("TF009_not_finite", jsonl_text([{**chat[0], "score": float("nan")}])),
        "prompt-completion-missing.jsonl": ("TF104_missing_field", jsonl_text([{"prompt": pairs[0]["prompt"]}])),
        "sharegpt-no-answer.json": ("TF108_no_answer", json_text(silent)),
        "sharegpt-number-as-text.json": ("TF103_wrong_type", json_text(numbers)),
        "sharegpt-half-character.json": ("TF010_lone_surrogate", half),
    }


def pair_of(file: dict[str, Any], conversation: int, turn: int) -> dict[str, Any]:
    found: dict[str, Any] = file["conversations"][conversation]["training_pairs"][turn - 1]
    return found


def main() -> None:
    dialogues = read_dialogues((HERE / "conversations.txt").read_text(encoding="utf-8"))
    for name, content in samples(dialogues).items():
        (HERE / name).write_text(content, encoding="utf-8")
    broken = broken_samples(dialogues)
    for name, (_, content) in broken.items():
        (HERE / "broken" / name).write_text(content, encoding="utf-8")
    codes = {name: code for name, (code, _) in broken.items()}
    (HERE / "broken" / "expected.json").write_text(json.dumps(codes, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
