"""Invitations as the API shows them; never their secrets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.engine import RowMapping

from services.job_api.invitations.domain import status_of


def invitation(row: RowMapping, emails: Mapping[str, str], now: datetime) -> dict[str, Any]:
    plain = ("id", "roles", "email", "invited_by", "created_at", "expires_at", "accepted_at", "accepted_by",
             "revoked_at")
    return {"object": "invitation", "status": status_of(row, now).value} | {name: row[name] for name in plain} | {
        "invited_by_email": emails.get(row["invited_by"]),
        "accepted_by_email": emails.get(str(row["accepted_by"]))}


def preview(row: RowMapping, *, sign_in: bool) -> dict[str, Any]:
    return {"object": "invitation_preview", "sign_in": sign_in} | {
        name: row[name] for name in ("workspace_id", "workspace_name", "roles", "email", "expires_at")}
