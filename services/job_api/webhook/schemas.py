"""Webhooks: what is asked and what is answered."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from services.job_api.edge.fields import Body, View

_WEEK_S = 7 * 24 * 3600


class WebhookAccepted(View):
    object: Literal["webhook_delivery"]
    accepted: Literal[True]
    duplicate: bool
    event_ids: list[UUID]


class RotateWebhookSecret(Body):
    keep_previous_for_s: int = Field(
        default=24 * 3600, ge=0, le=_WEEK_S, description="The secret before works on for so many seconds, until the "
                                                         "pods that run have ended.")


class WebhookSecretView(View):
    object: Literal["webhook_secret"]
    workspace_id: UUID
    secret: str | None = Field(default=None, description="Shown once, and not in a replayed answer.")
    created_by: str
    created_at: datetime
    previous_valid_until: datetime | None = Field(description="So long the secret before works too")


class WebhookSecretDeleted(View):
    object: Literal["webhook_secret"]
    deleted: Literal[True]
