"""The signed HTTPS fallback for pods that cannot reach the broker."""

from typing import Annotated

from fastapi import APIRouter, Header, Request

from chassis.database.scope import every_workspace
from services.job_api.audit.domain import Actor, ActorKind
from services.job_api.dependencies import WithDependencies
from services.job_api.edge.idempotency import WithRecord
from services.job_api.edge.rate_limits import by_address
from services.job_api.edge.rate_limits.policies import RouteClass
from services.job_api.edge.responses import JsonResponse
from services.job_api.paths import PREFIX
from services.job_api.webhook import presenter
from services.job_api.webhook.application.receive import Delivery, SigningPolicy, receive
from services.job_api.webhook.schemas import WebhookAccepted

router = APIRouter(prefix=PREFIX, tags=["webhook"])


@router.post("/webhook", status_code=202, response_model=WebhookAccepted, dependencies=[by_address(
    RouteClass.WEBHOOKS)], responses={
    401: {"description": "The signature is wrong or too old"},
    404: {"description": "The webhook is off, or there is no such job"},
    422: {"description": "The event is unknown, or its fields are wrong"},
    429: {"description": "Too many webhooks from this address"}}, openapi_extra={"requestBody": {
        "required": True, "content": {"application/json": {"schema": {"type": "object"}}}}})
async def receive_webhook(
    request: Request, deps: WithDependencies, record: WithRecord, x_brightrun_signature: Annotated[str, Header()] = ""
) -> JsonResponse:
    """An event of a pod, signed with `X-Brightrun-Signature: t=<unix seconds>,v1=<HMAC-SHA256 of "t.body">`."""
    settings, delivery = deps.settings, Delivery(await request.body(), x_brightrun_signature)
    policy = SigningPolicy(settings.webhook_secret.get_secret_value(), settings.webhook_tolerance_s)
    with every_workspace():  # the body names a job, and the signature must be its workspace's
        async with deps.database.transaction() as tx:
            receipt = await receive(tx, delivery, policy, deps.clock.now())
            record.acts_as(Actor(ActorKind.WEBHOOK, workspace_id=receipt.workspace_id), receipt.job_id)
            return await record.answer(tx, presenter.accepted(receipt), 202)
