"""The signed HTTPS fallback for pods that cannot reach the broker."""

from typing import Annotated

from fastapi import APIRouter, Header, Request

from chassis.problems import NotFound, PayloadTooLarge, Unauthenticated
from services.job_api.domain.webhook import SignatureRefused, verify
from services.job_api.schemas.administration import WebhookAccepted
from services.job_api.usecases.receive_webhook import receive
from services.job_api.wiring import JsonResponse, WithParts

router = APIRouter(tags=["webhook"])

MAX_BODY = 1024 * 1024  # the broker's own limit for one message


@router.post("/webhook", status_code=202, response_model=WebhookAccepted, openapi_extra={"requestBody": {
    "required": True, "content": {"application/json": {"schema": {"type": "object"}}}}})
async def receive_webhook(
    request: Request, parts: WithParts, x_brightrun_signature: Annotated[str, Header()] = ""
) -> JsonResponse:
    """An event of a pod, signed with `X-Brightrun-Signature: t=<unix seconds>,v1=<HMAC-SHA256 of "t.body">`."""
    secret = parts.settings.webhook_secret.get_secret_value()
    if not secret:
        raise NotFound("The webhook is switched off.", code="webhook_disabled",
                       suggested_fix="Set BRIGHTRUN_WEBHOOK_SECRET on the server and on the pods.")
    body = await _body(request)
    try:
        verify(secret, x_brightrun_signature, body, parts.clock.now(), parts.settings.webhook_tolerance_s)
    except SignatureRefused as error:
        raise Unauthenticated(f"The webhook was refused: {error}.", code="invalid_signature",
                              suggested_fix="Sign '<t>.<body>' with the shared secret and check the clock.") from error
    async with parts.database.transaction() as tx:
        taken = await receive(tx, parts.clock, body)
    answer = {"object": "webhook_delivery", "accepted": True, "duplicate": not taken, "event_ids": taken}
    return JsonResponse(answer, 202)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise PayloadTooLarge(f"A webhook may have {MAX_BODY:,} bytes.", suggested_fix="Send smaller batches.")
    return bytes(body)
