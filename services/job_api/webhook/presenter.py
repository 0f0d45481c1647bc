"""Webhooks and their secret as the API shows them."""

from typing import Any

from sqlalchemy.engine import RowMapping

from services.job_api.webhook.application.receive import Receipt


def secret(row: RowMapping) -> dict[str, Any]:
    """Without the secret itself, which only the answer that makes it holds."""
    return {"object": "webhook_secret"} | {str(name): value for name, value in row.items()} | {"secret": None}


def accepted(receipt: Receipt) -> dict[str, Any]:
    return {"object": "webhook_delivery", "accepted": True, "duplicate": not receipt.event_ids,
            "event_ids": receipt.event_ids}
