"""Issues as a person reads them: one line for all of one kind, with how many and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from contracts.training_file.issues import CODES, Issue, Severity, place_of

PLACES_NAMED = 3


@dataclass(frozen=True)
class IssueGroup:
    """`count` issues of one code; `line` says where they are and what they are."""

    severity: Severity
    code: str
    count: int
    line: str
    suggested_fix: str


def group_issues(issues: Iterable[Issue], counts: Mapping[str, int]) -> list[IssueGroup]:
    """The issues of a report by code, the worst first; what concerns the whole file stays single.

    `counts` are the report's `issue_counts`: of each code only the first issues are listed.
    """
    ordered = sorted(issues, key=lambda issue: (list(Severity).index(issue.severity), issue.code))
    found: list[IssueGroup] = []
    for code, same in groupby(ordered, key=lambda issue: issue.code):
        listed = list(same)
        single = [issue for issue in listed if issue.conversation is None]
        placed = [issue for issue in listed if issue.conversation is not None]
        found += [group_of([issue], 1) for issue in single]
        if placed:
            found.append(group_of(placed, max(len(placed), counts.get(code, 0) - len(single))))
    return found


def group_of(issues: Sequence[Issue], count: int) -> IssueGroup:
    first = issues[0]
    line = first.message if count == 1 else f"{places(issues, count)}: {text_of_all(issues)}"
    return IssueGroup(first.severity, first.code, count, line, first.suggested_fix)


def text_of_all(issues: Sequence[Issue]) -> str:
    """What all of them say; where they differ what the code means, and what the first says."""
    texts = [issue.message.removeprefix(f"{place_of(issue.conversation, issue.pair)}: ") for issue in issues]
    code = issues[0].code
    if len(set(texts)) == 1 or code not in CODES:
        return texts[0]
    meaning = CODES[code].meaning
    return f"{meaning[0].lower()}{meaning[1:]} (the first: {texts[0]})"


def places(issues: Sequence[Issue], count: int) -> str:
    """ "conversations 3, 7 (pairs 41, 43), 12 and 19 more", with the number of issues where it is another one."""
    pairs: dict[int, list[int]] = {}
    for issue in issues:
        found = pairs.setdefault(issue.conversation or 0, [])
        if issue.pair is not None:
            found.append(issue.pair)
    named = [f"{number:,}{in_pairs(pairs[number])}" for number in list(pairs)[:PLACES_NAMED]]
    more = len(pairs) - len(named)
    rest = "more" if len(issues) < count else f"{more:,} more" if more else ""
    where = f"conversation{'' if len(pairs) == 1 and not rest else 's'} {enumerated(named, rest)}"
    return where if count == len(pairs) else f"{count:,} times in {where}"


def in_pairs(numbers: Sequence[int]) -> str:
    if not numbers:
        return ""
    named = [f"{number:,}" for number in numbers[:PLACES_NAMED]]
    more = len(numbers) - len(named)
    return f" (pair{'' if len(numbers) == 1 else 's'} {enumerated(named, f'{more:,} more' if more else '')})"


def enumerated(items: Sequence[str], rest: str = "") -> str:
    """ "3, 7 and 12", "3, 7, 12 and 19 more"."""
    *but_last, last = [*items, rest] if rest else items
    return f"{', '.join(but_last)} and {last}" if but_last else last
