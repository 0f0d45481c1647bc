"""Deliveries by webhook: what is answered."""

from typing import Literal
from uuid import UUID

from services.job_api.edge.fields import View


class WebhookAccepted(View):
    object: Literal["webhook_delivery"]
    accepted: Literal[True]
    duplicate: bool
    event_ids: list[UUID]
