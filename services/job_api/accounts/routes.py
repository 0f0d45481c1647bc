"""Who is calling, and the workspace's API keys."""

from uuid import UUID

from fastapi import APIRouter

from services.job_api.accounts import presenter, repository
from services.job_api.accounts.application.api_keys import IssueApiKey, issue_api_key, owner_of_key
from services.job_api.accounts.application.api_keys import revoke_api_key as revoke
from services.job_api.accounts.schemas import ApiKeyList, ApiKeyView, CreateApiKey, Me, NewApiKeyView
from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Admin, AnyMember, caller
from services.job_api.edge.idempotency import WithRecord
from services.job_api.edge.responses import JsonResponse, page
from services.job_api.paths import PREFIX

router = APIRouter(prefix=PREFIX, tags=["accounts"])


@router.get("/me", response_model=Me)
async def read_me(principal: AnyMember, deps: WithDependencies) -> JsonResponse:
    """The caller as the server sees it."""
    async with deps.database.read() as tx:
        workspace = await repository.workspace(tx, principal.workspace_id)
        email = await repository.email_of(tx, principal.subject)
    is_operator = await deps.operators.include(principal.workspace_id)
    return JsonResponse(presenter.me(principal, workspace, email, is_operator=is_operator))


@router.post("/api-keys", status_code=201, response_model=NewApiKeyView)
async def create_api_key(
    body: CreateApiKey, principal: Admin, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """A new key. The secret is in this answer and nowhere else."""
    command = IssueApiKey(caller(principal), **body.model_dump())
    user_id = await owner_of_key(deps.database, command, deps.clock.now())
    async with deps.database.transaction() as tx:
        row, secret = await issue_api_key(tx, command, user_id)
        document = presenter.api_key(row)
        await record.store(tx, 201, document | {"key": None})  # a replayed answer lacks the secret
    return JsonResponse(document | {"key": secret}, 201)


@router.get("/api-keys", response_model=ApiKeyList)
async def list_api_keys(principal: Admin, deps: WithDependencies) -> JsonResponse:
    """All keys of the workspace, revoked ones included; never their secrets."""
    async with deps.database.read() as tx:
        rows = await repository.list_api_keys(tx, principal.workspace_id)
    return JsonResponse(page([presenter.api_key(row) for row in rows], None))


@router.delete("/api-keys/{key_id}", response_model=ApiKeyView)
async def revoke_api_key(key_id: UUID, principal: Admin, deps: WithDependencies) -> JsonResponse:
    """The key stops working at once; it stays in the list."""
    async with deps.database.transaction() as tx:
        row = await revoke(tx, caller(principal), key_id, deps.clock.now())
    deps.api_keys.forget(row["prefix"])
    return JsonResponse(presenter.api_key(row))
