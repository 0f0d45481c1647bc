"""Callers and API keys as the API shows them."""

from typing import Any

from sqlalchemy.engine import RowMapping

from services.job_api.edge.auth import Principal


def me(
    principal: Principal, workspace: RowMapping | None, email: str | None, *, is_operator: bool
) -> dict[str, Any]:
    return {
        "object": "caller", "subject": principal.subject, "email": email, "workspace_id": principal.workspace_id,
        "workspace_name": workspace["name"] if workspace else None, "roles": sorted(principal.roles),
        "acts_as": sorted(principal.acts_as),
        "credential": principal.kind, "is_operator": is_operator}


def api_key(row: RowMapping) -> dict[str, Any]:
    # the driver's column names are a kind of string that orjson does not take for a key
    return {"object": "api_key"} | {str(name): value for name, value in row.items()}


def member(row: RowMapping) -> dict[str, Any]:
    return {"object": "member", "id": row["user_id"]} | {
        name: row[name] for name in ("email", "display_name", "roles", "created_at")}
