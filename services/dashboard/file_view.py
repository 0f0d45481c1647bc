"""A training file's report, arranged for reading."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_SEVERITIES = ("error", "warning", "info")
DISTRIBUTIONS = (("personas", "Personas"), ("emotional_arcs", "Emotional arcs"), ("topics", "Topics"))
# Of a distribution: more stand folded away.
_SHOWN = 10


@dataclass
class Findings:
    """All findings of one code. `total` counts those, too, that the report does not list one by one."""

    code: str
    severity: str
    total: int
    issues: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Distribution:
    title: str
    total: int
    first: list[tuple[str, int]]
    others: list[tuple[str, int]]


def findings(report: dict[str, Any]) -> list[Findings]:
    """Errors first; within a severity the most frequent."""
    found: dict[str, Findings] = {}
    counts: dict[str, int] = report.get("issue_counts", {})
    for issue in report.get("issues", []):
        code = issue["code"]
        if code not in found:
            found[code] = Findings(code, issue["severity"], counts.get(code, 0))
        found[code].issues.append(issue)
    for each in found.values():
        each.total = max(each.total, len(each.issues))
    return sorted(found.values(), key=lambda each: (_SEVERITIES.index(each.severity), -each.total, each.code))


def place(issue: dict[str, Any]) -> str:
    """`conversation 3 (calm-7), pair 12, target_response`; of the whole file: nothing of it."""
    key = issue.get("conversation_key")
    parts = []
    if issue.get("conversation") is not None:
        parts.append(f"conversation {issue['conversation']}" + (f" ({key})" if key else ""))
    if issue.get("pair") is not None:
        parts.append(f"pair {issue['pair']}")
    if issue.get("field"):
        parts.append(str(issue["field"]))
    return ", ".join(parts) or "the whole file"


def distributions(report: dict[str, Any]) -> list[Distribution]:
    """What the conversations are about, the most frequent first; those that the file does not name are left out."""
    found = []
    for name, title in DISTRIBUTIONS:
        if counts := report.get(name):
            ordered = Counter(counts).most_common()
            found.append(Distribution(title, sum(counts.values()), ordered[:_SHOWN], ordered[_SHOWN:]))
    return found
