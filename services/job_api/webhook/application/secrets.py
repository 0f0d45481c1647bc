"""A workspace's secret for its webhooks: shown once, rotated while both the old and the new one work."""

import secrets
from datetime import timedelta

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.callers import Caller
from services.job_api.webhook import repository
from services.job_api.webhook.errors import NoWebhookSecret

_START = "brw_"


async def rotate_secret(
    tx: AsyncConnection, caller: Caller, keep_previous_for: timedelta
) -> tuple[RowMapping, str]:
    """The new secret as it is shown, and itself. The one before works on for `keep_previous_for`."""
    secret = _START + secrets.token_urlsafe(32)
    row = await repository.replace(
        tx, caller.workspace_id, secret, caller.subject, keep_previous_for=keep_previous_for)
    return row, secret


async def remove_secret(tx: AsyncConnection, caller: Caller) -> None:
    """Raises NoWebhookSecret."""
    if not await repository.remove(tx, caller.workspace_id):
        raise NoWebhookSecret
