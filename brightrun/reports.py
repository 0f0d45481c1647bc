"""A training file's report in words."""

from typing import Any

from brightrun.output import out
from contracts.training_file import Issue, group_issues

_MARKS = {"error": "error  ", "warning": "warning", "info": "note   "}


def show_report(report: dict[str, Any]) -> None:
    """The one line, then a line for each kind of problem, the worst first. `--json` has every single one."""
    out.say(report.get("one_line", ""))
    if report.get("can_train", True) and (evidence := report.get("evidence")):
        out.say(evidence)
    issues = [Issue.model_validate(issue) for issue in report.get("issues", [])]
    for group in group_issues(issues, report.get("issue_counts", {})):
        out.item(f"  {_MARKS[group.severity]} ", f"{group.code}: {group.line}")
        if group.severity == "error" and group.suggested_fix:
            out.item(" " * 10, f"What to do: {group.suggested_fix}")
