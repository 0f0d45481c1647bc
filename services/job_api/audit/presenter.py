"""Entries of the audit log as the API shows them."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.engine import RowMapping

from services.job_api.audit.domain import outcome_of

COLUMNS = (
    "id", "at", "workspace_id", "actor_kind", "actor", "credential", "operation", "target_kind", "target_id",
    "outcome", "status", "code", "address", "user_agent", "trace_id",
)


def entries(rows: Iterable[RowMapping], emails: Mapping[str, str]) -> list[dict[str, Any]]:
    """`emails`: by subject."""
    return [entry(row) | {"actor_email": emails.get(row["actor"])} for row in rows]


def entry(row: RowMapping) -> dict[str, Any]:
    values = {str(name): value for name, value in row.items()} | {"outcome": outcome_of(row["status"]).value}
    return {"object": "audit_entry"} | {name: values[name] for name in COLUMNS}
