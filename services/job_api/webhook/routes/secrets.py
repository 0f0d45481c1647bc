"""The secret that a workspace's webhooks are signed with."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter

from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Admin, caller
from services.job_api.edge.idempotency import WithRecord
from services.job_api.edge.responses import JsonResponse
from services.job_api.paths import PREFIX
from services.job_api.webhook import repository
from services.job_api.webhook.application.secrets import remove_secret, rotate_secret
from services.job_api.webhook.errors import NoWebhookSecret
from services.job_api.webhook.presenter import secret as shown
from services.job_api.webhook.schemas import RotateWebhookSecret, WebhookSecretDeleted, WebhookSecretView

router = APIRouter(prefix=f"{PREFIX}/webhook/secret", tags=["webhook"])
NO_SECRET: dict[int | str, dict[str, Any]] = {404: {"description": "The workspace has no webhook secret"}}


@router.get("", response_model=WebhookSecretView, responses=NO_SECRET)
async def read_webhook_secret(principal: Admin, deps: WithDependencies) -> JsonResponse:
    """Who made the workspace's secret, and when; never the secret."""
    async with deps.database.read() as tx:
        row = await repository.shown(tx, principal.workspace_id)
    if row is None:
        raise NoWebhookSecret
    return JsonResponse(shown(row))


@router.post("", status_code=201, response_model=WebhookSecretView)
async def rotate_webhook_secret(
    principal: Admin, deps: WithDependencies, record: WithRecord, body: RotateWebhookSecret | None = None
) -> JsonResponse:
    """A new secret; it is in this answer and nowhere else. The one before works on for a while."""
    keep = timedelta(seconds=(body or RotateWebhookSecret()).keep_previous_for_s)
    async with deps.database.transaction() as tx:
        row, secret = await rotate_secret(tx, caller(principal), keep)
        await record.store(tx, 201, shown(row))
    return JsonResponse(shown(row) | {"secret": secret}, 201)


@router.delete("", response_model=WebhookSecretDeleted, responses=NO_SECRET)
async def delete_webhook_secret(principal: Admin, deps: WithDependencies, record: WithRecord) -> JsonResponse:
    """Nothing that is signed with the workspace's secrets is taken any more."""
    async with deps.database.transaction() as tx:
        await remove_secret(tx, caller(principal))
        return await record.answer(tx, {"object": "webhook_secret", "deleted": True})
