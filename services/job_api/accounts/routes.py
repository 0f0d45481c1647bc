"""Who is calling, the workspace's members and its API keys."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter

from services.job_api.accounts import presenter, repository
from services.job_api.accounts.application.api_keys import IssueApiKey, issue_api_key
from services.job_api.accounts.application.api_keys import revoke_api_key as revoke
from services.job_api.accounts.application.members import SetMember, set_member
from services.job_api.accounts.application.members import remove_member as remove
from services.job_api.accounts.application.rotate_key import RotateApiKey as Rotate
from services.job_api.accounts.application.rotate_key import rotate_api_key as rotate
from services.job_api.accounts.schemas import (
    ApiKeyList,
    ApiKeyView,
    CreateApiKey,
    Me,
    MemberList,
    MemberRemoved,
    MemberView,
    NewApiKeyView,
    RotateApiKey,
)
from services.job_api.accounts.schemas import SetMember as SetMemberBody
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
    async with deps.database.transaction() as tx:
        row, secret = await issue_api_key(tx, command, deps.clock.now())
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
async def revoke_api_key(
    key_id: UUID, principal: Admin, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """The key stops working at once; it stays in the list."""
    async with deps.database.transaction() as tx:
        row = await revoke(tx, caller(principal), key_id, deps.clock.now())
        answer = await record.answer(tx, presenter.api_key(row))
        await repository.announce_change(tx)
    deps.api_keys.forget(row["prefix"])
    return answer


@router.post("/api-keys/{key_id}/rotate", status_code=201, response_model=NewApiKeyView, responses={
    409: {"description": "The key does not work any more"}})
async def rotate_key(
    key_id: UUID, principal: Admin, deps: WithDependencies, record: WithRecord, body: RotateApiKey | None = None
) -> JsonResponse:
    """A new key in the place of this one, which works on for a while. The secret is in this answer and nowhere else."""
    keep = timedelta(seconds=(body or RotateApiKey()).keep_previous_for_s)
    async with deps.database.transaction() as tx:
        rotated = await rotate(tx, Rotate(caller(principal), key_id, keep), deps.clock.now())
        document = presenter.api_key(rotated.row)
        await record.store(tx, 201, document | {"key": None})
        await repository.announce_change(tx)
    for prefix in rotated.ended:
        deps.api_keys.forget(prefix)
    return JsonResponse(document | {"key": rotated.secret}, 201)


@router.get("/members", response_model=MemberList)
async def list_members(principal: Admin, deps: WithDependencies) -> JsonResponse:
    """Everybody in the workspace, by address."""
    async with deps.database.read() as tx:
        rows = await repository.members(tx, principal.workspace_id)
    return JsonResponse(page([presenter.member(row) for row in rows], None))


@router.put("/members", response_model=MemberView, responses={409: {"description": "The last admin"}})
async def put_member(
    body: SetMemberBody, principal: Admin, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Let somebody in, or change what they may do."""
    async with deps.database.transaction() as tx:
        row = await set_member(tx, SetMember(caller(principal), body.email, body.roles), deps.clock.now())
        answer = await record.answer(tx, presenter.member(row))
    deps.api_keys.clear()
    deps.sign_in.sessions.clear()
    return answer


@router.delete("/members/{user_id}", response_model=MemberRemoved, responses={409: {"description": "The last admin"}})
async def remove_member(user_id: UUID, principal: Admin, deps: WithDependencies, record: WithRecord) -> JsonResponse:
    """Their sessions and keys in this workspace stop working at once, and so do the invitations that they sent."""
    async with deps.database.transaction() as tx:
        await remove(tx, caller(principal), user_id, deps.clock.now())
        answer = await record.answer(tx, {"object": "member", "id": user_id, "removed": True})
    deps.api_keys.clear()
    deps.sign_in.sessions.clear()
    return answer
