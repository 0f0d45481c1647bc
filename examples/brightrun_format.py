"""Writes dialogues as a Bright Run training file, format `brightrun-lora-v4`."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

CREATED = "2026-01-15"
NAMESPACE = uuid.UUID("6f0c2f6e-6d0b-4c43-9d2b-0f7a4f6a3c11")
PLANNER = "Ruth Okafor, CFP"
BUSINESS = "Juniper Lane Planning"
SYSTEM_PROMPT = (
    f"You are the planning assistant of {PLANNER}, of {BUSINESS}. Speak to the feeling before the figure, never judge "
    "a past decision, explain why before what, use the client's own numbers, and offer one small step at a time. "
    "Ask before you explain. Stay warm, plain and honest, and say so when a question needs a specialist."
)

PERSONAS = {
    "cautious_saver": ("Priya Nair", "Age 33, nurse, steady income; saves well and still feels unsafe"),
    "late_starter": ("Walter Brandt", "Age 54, trade and warehouse work; began to save late"),
    "stretched_parent": ("Tomas Rivera", "Age 41, two children, two incomes and little slack"),
    "freelance_juggler": ("Imani Cole", "Age 36, self-employed in the arts; income swings by the month"),
    "new_heir": ("Greta Hollis", "Age 47, teacher; came into family money and family decisions"),
}
ARCS = {
    "anxiety_to_confidence": ("Anxiety to Confidence", "anxious", "calm"),
    "shame_to_acceptance": ("Shame to Acceptance", "ashamed", "accepting"),
    "overwhelm_to_first_step": ("Overwhelm to First Step", "overwhelmed", "focused"),
    "confusion_to_clarity": ("Confusion to Clarity", "confused", "clear"),
    "conflict_to_agreement": ("Conflict to Agreement", "frustrated", "cooperative"),
    "grief_to_steadiness": ("Grief to Steadiness", "grieving", "steady"),
}


@dataclass(frozen=True)
class Dialogue:
    """Messages alternate, the client first; a dialogue may end on the client's message."""

    slug: str
    persona: str
    arc: str
    topic: str
    context: str
    messages: Sequence[str]

    @property
    def id(self) -> str:
        return str(uuid.uuid5(NAMESPACE, self.slug))


def training_file(dialogues: Sequence[Dialogue], name: str) -> dict[str, Any]:
    return {
        "training_file_metadata": file_metadata(dialogues, name),
        "consultant_profile": consultant_profile(),
        "conversations": [conversation(dialogue) for dialogue in dialogues],
    }


def jsonl_records(file: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The JSONL variant: a `_meta` line, then the answered pairs under the outer id, ids with a suffix."""
    about = file["training_file_metadata"]
    yield {
        "_meta": {
            "file_name": about["file_name"],
            "total_pairs": about["total_training_pairs"],
            "version": about["version"],
        }
    }
    for entry in file["conversations"]:
        outer = entry["conversation_metadata"]["conversation_id"]
        for record in entry["training_pairs"]:
            if record["target_response"] is not None:
                yield {**record, "id": f"{record['id']}_{outer[:8]}", "conversation_id": outer}


def flat_file(file: dict[str, Any]) -> dict[str, Any]:
    """The older variant: all pairs in one list at the top level, with the fields it had besides."""
    pairs = [
        {**record, "conversation_id": entry["conversation_metadata"]["conversation_id"], "response_strategy": {}}
        for entry in file["conversations"]
        for record in entry["training_pairs"]
    ]
    about = {"dataset_name": "seed", "version": "1.0.0", "total_conversations": len(file["conversations"])}
    profile = file["consultant_profile"]
    return {"dataset_metadata": about, "consultant_profile": profile, "training_pairs": pairs}


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def jsonl_text(records: Iterator[dict[str, Any]] | Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records)


def file_metadata(dialogues: Sequence[Dialogue], name: str) -> dict[str, Any]:
    return {
        "file_name": name,
        "version": "4.0.0",
        "created_date": f"{CREATED}T09:00:00.000Z",
        "last_updated": f"{CREATED}T09:00:00.000Z",
        "format_spec": "brightrun-lora-v4",
        "target_model": "llama-3-70b-instruct",
        "vertical": "financial_planning_consultant",
        "total_conversations": len(dialogues),
        "total_training_pairs": sum(len(dialogue.messages) for dialogue in dialogues),
        "quality_summary": {
            "avg_quality_score": 3,
            "min_quality_score": 3,
            "max_quality_score": 3,
            "human_reviewed_count": 0,
            "human_reviewed_percentage": 0,
        },
        "scaffolding_distribution": {
            "personas": dict(Counter(dialogue.persona for dialogue in dialogues)),
            "emotional_arcs": dict(Counter(dialogue.arc for dialogue in dialogues)),
            "training_topics": dict(Counter(dialogue.topic for dialogue in dialogues)),
        },
    }


def consultant_profile() -> dict[str, Any]:
    return {
        "name": PLANNER,
        "business": BUSINESS,
        "expertise": "flat-fee planning for people with uneven lives",
        "years_experience": 18,
        "core_philosophy": {
            "principle_1": "The feeling comes before the figure",
            "principle_2": "No past decision is put on trial",
            "principle_3": "Why before what",
            "principle_4": "One step small enough to take today",
            "principle_5": "The client's own numbers, never a rule of thumb alone",
        },
        "communication_style": {
            "tone": "warm, plain, honest",
            "techniques": [
                "name the feeling",
                "ask before explaining",
                "do the sum aloud",
                "one step",
                "mark progress",
            ],
            "avoid": ["jargon", "urgency", "products", "blame", "long lists"],
        },
    }


def conversation(dialogue: Dialogue) -> dict[str, Any]:
    name, _ = PERSONAS[dialogue.persona]
    return {
        "conversation_metadata": {
            "conversation_id": dialogue.id,
            "source_file": f"{dialogue.slug}.json",
            "created_date": CREATED,
            "total_turns": len(dialogue.messages),
            "quality_tier": "experimental",
            "scaffolding": {
                "persona_key": dialogue.persona,
                "persona_name": name,
                "emotional_arc_key": dialogue.arc,
                "emotional_arc": ARCS[dialogue.arc][0],
                "training_topic_key": dialogue.topic,
                "training_topic": title(dialogue.topic),
            },
        },
        "training_pairs": [pair(dialogue, turn) for turn in range(1, len(dialogue.messages) + 1)],
    }


def pair(dialogue: Dialogue, turn: int) -> dict[str, Any]:
    """One record per message: a client's turn has no answer, an assistant's turn has its text as target.

    As in the real files, the history of an assistant's turn already ends with the current input.
    """
    answered = turn % 2 == 0
    history = dialogue.messages[: turn - 1]
    return {
        "id": f"{dialogue.arc}_turn{turn}",
        "conversation_id": dialogue.arc,
        "turn_number": turn,
        "conversation_metadata": pair_metadata(dialogue, turn),
        "system_prompt": SYSTEM_PROMPT,
        "conversation_history": [history_entry(dialogue, n, text) for n, text in enumerate(history, 1)],
        "current_user_input": history[-1] if answered else dialogue.messages[turn - 1],
        "emotional_context": {"detected_emotions": detected_emotions(dialogue, turn)},
        "target_response": dialogue.messages[turn - 1] if answered else None,
        "training_metadata": training_metadata(dialogue, turn),
    }


def pair_metadata(dialogue: Dialogue, turn: int) -> dict[str, str]:
    name, background = PERSONAS[dialogue.persona]
    last = turn >= len(dialogue.messages) - 1
    return {
        "client_persona": f"{name} - {title(dialogue.persona)}",
        "client_background": background,
        "session_context": dialogue.context,
        "conversation_phase": "opening" if turn <= 2 else "closing" if last else "working",
        "expected_outcome": f"{ARCS[dialogue.arc][2]} about {title(dialogue.topic).lower()}",
        "persona_archetype": dialogue.persona,
        "emotional_arc": ARCS[dialogue.arc][0],
        "emotional_arc_key": dialogue.arc,
        "training_topic": title(dialogue.topic),
        "training_topic_key": dialogue.topic,
    }


def history_entry(dialogue: Dialogue, turn: int, text: str) -> dict[str, Any]:
    primary, secondary, intensity = emotion(dialogue, turn)
    state = {"primary": primary, "secondary": secondary, "intensity": intensity}
    return {"turn": turn, "role": "user" if turn % 2 else "assistant", "content": text, "emotional_state": state}


def detected_emotions(dialogue: Dialogue, turn: int) -> dict[str, Any]:
    primary, secondary, intensity = emotion(dialogue, turn)
    return {
        "primary": primary,
        "primary_confidence": 0.8,
        "secondary": secondary,
        "secondary_confidence": 0.7,
        "intensity": intensity,
        "valence": "negative" if intensity > 0.7 else "mixed" if intensity > 0.5 else "positive",
    }


def emotion(dialogue: Dialogue, turn: int) -> tuple[str, str, float]:
    """From the arc's first feeling to its last, the intensity falling from 0.85 to 0.40."""
    _, start, end = ARCS[dialogue.arc]
    done = (turn - 1) / max(1, len(dialogue.messages) - 1)
    names = (start, end) if done < 0.5 else (end, start)
    return *names, round(0.85 - 0.45 * done, 2)


def training_metadata(dialogue: Dialogue, turn: int) -> dict[str, Any]:
    return {
        "difficulty_level": f"intermediate_conversation_turn_{turn}",
        "key_learning_objective": dialogue.topic,
        "demonstrates_skills": [dialogue.persona],
        "conversation_turn": turn,
        "emotional_progression_target": dialogue.arc,
        "quality_score": 3,
        "quality_criteria": {
            "empathy_score": 3,
            "clarity_score": 3,
            "appropriateness_score": 3,
            "brand_voice_alignment": 3,
        },
        "human_reviewed": False,
        "reviewer_notes": None,
        "use_as_seed_example": False,
        "generate_variations_count": 0,
    }


def title(key: str) -> str:
    return key.replace("_", " ").title()
