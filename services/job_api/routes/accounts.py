"""Who is calling, and the workspace's API keys."""

from uuid import UUID

from fastapi import APIRouter

from services.job_api import presenters
from services.job_api.repository import accounts
from services.job_api.schemas.administration import ApiKeyList, ApiKeyView, CreateApiKey, Me, NewApiKeyView
from services.job_api.usecases import api_keys
from services.job_api.wiring import Admin, AnyMember, JsonResponse, WithOnce, WithParts, caller

router = APIRouter(tags=["accounts"])


@router.get("/me", response_model=Me)
async def read_me(principal: AnyMember, parts: WithParts) -> JsonResponse:
    """The caller as the server sees it."""
    async with parts.database.read() as tx:
        workspace = await accounts.workspace(tx, principal.workspace_id)
        email = await accounts.email_of(tx, principal.subject)
    return JsonResponse({
        "object": "caller", "subject": principal.subject, "email": email, "workspace_id": principal.workspace_id,
        "workspace_name": workspace["name"] if workspace else None, "roles": sorted(principal.roles),
        "credential": principal.kind})


@router.post("/api-keys", status_code=201, response_model=NewApiKeyView)
async def create_api_key(body: CreateApiKey, principal: Admin, parts: WithParts, once: WithOnce) -> JsonResponse:
    """A new key. The secret is in this answer and nowhere else."""
    return JsonResponse(await api_keys.create(parts.database, parts.clock, caller(principal), body, once), 201)


@router.get("/api-keys", response_model=ApiKeyList)
async def list_api_keys(principal: Admin, parts: WithParts) -> JsonResponse:
    """All keys of the workspace, revoked ones included; never their secrets."""
    async with parts.database.read() as tx:
        rows = await accounts.list_api_keys(tx, principal.workspace_id)
    return JsonResponse(presenters.page([api_keys.view(row) for row in rows], None))


@router.delete("/api-keys/{key_id}", response_model=ApiKeyView)
async def revoke_api_key(key_id: UUID, principal: Admin, parts: WithParts) -> JsonResponse:
    """The key stops working at once; it stays in the list."""
    revoked = await api_keys.revoke(parts.database, parts.clock, caller(principal), key_id)
    parts.api_keys.forget(revoked["prefix"])
    return JsonResponse(revoked)
