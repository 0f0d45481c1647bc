"""A training file's report in words."""

from typing import Any

from brightrun.output import out

_SHOWN = 20
_MARKS = {"error": "error  ", "warning": "warning", "info": "note   "}


def show_report(report: dict[str, Any]) -> None:
    """The one line, then what was found, the worst first."""
    out.say(report.get("one_line", ""))
    if evidence := report.get("evidence"):
        out.say(evidence)
    issues = sorted(report.get("issues", []), key=lambda issue: list(_MARKS).index(issue["severity"]))
    for issue in issues[:_SHOWN]:
        out.say(f"  {_MARKS[issue['severity']]} {issue['code']}: {issue['message']}")
        if issue["severity"] == "error" and issue.get("suggested_fix"):
            out.say(f"          What to do: {issue['suggested_fix']}")
    counted = sum(report.get("issue_counts", {}).values()) or len(issues)
    if counted > min(len(issues), _SHOWN):
        out.say(f"  ... and {counted - min(len(issues), _SHOWN)} more")
