"""What the file says about itself, against what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from contracts.training_file.fields import Place, mapping
from contracts.training_file.issues import IssueLog

CHECKED_SPECS = ("brightrun-lora-v4", "brightrun-lora-v5")
SHARES = {"personas": "persona", "emotional_arcs": "emotional_arc", "training_topics": "topic"}


class DeclaredFacts:
    """Collects the metadata and the quality scores; compares them with the counts at the end."""

    def __init__(self, log: IssueLog) -> None:
        self._place = Place(log)
        self.metadata: dict[str, Any] = {}
        self._scores: Counter[str] = Counter()
        self._reviewed = 0
        self.labels: dict[str, Counter[str]] = {name: Counter() for name in SHARES.values()}

    def note_metadata(self, value: Any) -> None:
        self.metadata |= mapping(value)

    def note_quality(self, record: Any) -> None:
        about = mapping(mapping(record).get("training_metadata"))
        if "quality_score" in about:
            self._scores[str(about["quality_score"])[:20]] += 1
        self._reviewed += about.get("human_reviewed") is True

    def note_labels(self, labels: Mapping[str, str]) -> None:
        for name, counts in self.labels.items():
            if name in labels:
                counts[labels[name]] += 1

    def finish(self, *, records: int, conversations: int) -> None:
        """Say where the metadata disagrees, constant scores, provenance and unknown labels."""
        self._compare_totals(records, conversations)
        self._compare_shares()
        self._say_quality()
        model = self.metadata.get("target_model")
        if isinstance(model, str) and model and "llama" not in model.lower():
            text = f"the file names {model[:80]!r} as its model; its texts may be subject to that provider's terms"
            self._place.add("TF302_provenance", text, "target_model")
        spec = self.metadata.get("format_spec")
        if spec is not None and spec not in CHECKED_SPECS:
            self._place.add("TF304_unknown_spec", f"format_spec is {str(spec)[:80]!r}", "format_spec")

    def _compare_totals(self, records: int, conversations: int) -> None:
        for field, counted in (
            ("total_conversations", conversations),
            ("total_training_pairs", records),
            ("total_pairs", records),
        ):
            declared = self.metadata.get(field)
            if isinstance(declared, int) and declared != counted:
                why = "; records without an answer may have been dropped on export" if declared > counted else ""
                text = f"{field} says {declared:,}, the file holds {counted:,}{why}"
                self._place.add("TF203_totals_disagree", text, field)

    def _compare_shares(self) -> None:
        declared = mapping(self.metadata.get("scaffolding_distribution"))
        for field, name in SHARES.items():
            said = mapping(declared.get(field))
            counted = dict(self.labels[name])
            if said and counted and said != counted:
                wrong = sorted(k for k in said.keys() | counted.keys() if said.get(k) != counted.get(k))
                text = f"scaffolding_distribution.{field} disagrees with the content for {', '.join(wrong)[:200]}"
                self._place.add("TF203_totals_disagree", text, f"scaffolding_distribution.{field}")

    def _say_quality(self) -> None:
        if len(self._scores) == 1 and (count := self._scores.total()) > 1:
            score = next(iter(self._scores))
            text = f"quality_score is {score} in all {count:,} records, {self._reviewed:,} reviewed by a person"
            self._place.add("TF301_constant_quality", f"{text}; the scores are not used", "quality_score")
