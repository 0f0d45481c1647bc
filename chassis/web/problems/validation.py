"""Validation errors as a person needs them: which field, what is wrong, what to send instead. Inputs are not echoed."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.observability.logs import redact
from chassis.problems.errors import BadRequest, Invalid, ProblemError

_FIXES = {
    "missing": "Add {field}.",
    "extra_forbidden": "Remove {field}, or check its spelling against the API documentation.",
    "json_invalid": "Send valid JSON.",
    "enum": "Use {expected} for {field}.",
    "literal_error": "Use {expected} for {field}.",
    "greater_than": "Use a value above {gt} for {field}.",
    "greater_than_equal": "Use {ge} or more for {field}.",
    "less_than": "Use a value below {lt} for {field}.",
    "less_than_equal": "Use {le} or less for {field}.",
    "string_too_short": "Use at least {min_length} characters for {field}.",
    "string_too_long": "Use at most {max_length} characters for {field}.",
    "too_short": "Give at least {min_length} items in {field}.",
    "too_long": "Give at most {max_length} items in {field}.",
    "uuid_parsing": "Send {field} as a UUID, as the API returned it.",
    "bool_parsing": "Send true or false for {field}.",
}
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "string": "text",
    "bool": "true or false",
    "list": "a list",
    "dict": "an object",
    "model": "an object",
    "datetime": "an RFC 3339 time such as 2026-01-31T12:00:00Z",
    "date": "a date such as 2026-01-31",
}


def validation_problem(errors: Sequence[Mapping[str, Any]]) -> ProblemError:
    """One 422 (400 for unreadable JSON) from pydantic's error list; `errors[]` has one entry per field."""
    entries = [_entry(error) for error in errors]
    summary = "; ".join(f"{entry['field']}: {entry['message']}" for entry in entries[:3])
    if len(entries) > 3:
        summary += f"; and {len(entries) - 3} more"
    if any(error.get("type") == "json_invalid" for error in errors):
        return BadRequest(
            summary,
            code="invalid_json",
            title="The body is not valid JSON",
            errors=entries,
            suggested_fix="Send valid JSON.",
        )
    fix = entries[0]["suggested_fix"] if len(entries) == 1 else ""
    return Invalid(summary, errors=entries, suggested_fix=fix)


def _entry(error: Mapping[str, Any]) -> dict[str, Any]:
    place, *path = [str(part) for part in error.get("loc", ())] or ["request"]
    field = _dotted(path) or place
    kind = str(error.get("type", ""))
    entry = {"field": field, "in": place, "code": kind, "message": redact(str(error.get("msg", "invalid")))}
    return entry | {"suggested_fix": _fix(kind, field, error.get("ctx") or {})}


def _dotted(path: list[str]) -> str:
    """`messages[2].role` from ("messages", "2", "role")."""
    text = ""
    for part in path:
        text += f"[{part}]" if part.isdigit() else f".{part}" if text else part
    return text


def _fix(kind: str, field: str, context: Mapping[str, Any]) -> str:
    template = _FIXES.get(kind)
    if template is None:
        wanted = _TYPES.get(kind.split("_")[0])
        return f"Send {wanted} for {field}." if wanted else f"Correct {field}."
    try:
        return template.format(field=field, **context)
    except (KeyError, IndexError):
        return f"Correct {field}."
