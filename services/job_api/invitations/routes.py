"""Invitations: admins make, list and revoke them; whoever has the link looks at it and accepts it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from chassis.database.scope import enter_workspace
from services.job_api.accounts import presenter as of_accounts
from services.job_api.accounts import repository as accounts
from services.job_api.accounts.schemas import NewApiKeyView
from services.job_api.audit.domain import Actor, ActorKind
from services.job_api.dependencies import WithDependencies
from services.job_api.edge.auth import Admin, caller
from services.job_api.edge.idempotency import WithRecord
from services.job_api.edge.methods import only
from services.job_api.edge.rate_limits import by_address
from services.job_api.edge.rate_limits.policies import RouteClass
from services.job_api.edge.responses import JsonResponse, page
from services.job_api.invitations import presenter, repository
from services.job_api.invitations.application.accept import AcceptWithKey, accept_with_key, look_at
from services.job_api.invitations.application.invite import Invite, invite
from services.job_api.invitations.application.invite import revoke_invitation as revoke
from services.job_api.invitations.schemas import (
    AcceptInvitation,
    CreateInvitation,
    InvitationList,
    InvitationPreview,
    InvitationView,
    NewInvitationView,
    ShowInvitation,
)
from services.job_api.paths import PREFIX

PREVIEW, ACCEPT = f"{PREFIX}/invitations/preview", f"{PREFIX}/invitations/accept"
_OPEN = [by_address(RouteClass.SIGN_INS)]
_UNUSABLE: dict[int | str, dict[str, Any]] = {
    404: {"description": "The invitation lets nobody in"}, 429: {"description": "Too many from this address"}}
_PRIVATE = {"cache-control": "no-store"}

router = APIRouter(prefix=PREFIX, tags=["invitations"])


@router.post("/members/invitations", status_code=201, response_model=NewInvitationView)
async def create_invitation(
    body: CreateInvitation, principal: Admin, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """Let somebody in by a link. Its secret is in this answer and nowhere else."""
    now = deps.clock.now()
    command = Invite(caller(principal), body.roles, timedelta(hours=body.valid_for_hours), body.email)
    async with deps.database.transaction() as tx:
        row, secret = await invite(tx, command, now)
        document = presenter.invitation(row, await accounts.emails_of(tx, {row["invited_by"]}), now)
        await record.store(tx, 201, document | {"secret": None})
    return JsonResponse(document | {"secret": secret}, 201, _PRIVATE)


@router.get("/members/invitations", response_model=InvitationList)
async def list_invitations(principal: Admin, deps: WithDependencies) -> JsonResponse:
    """All of the workspace, the newest first; used and revoked ones stay in the list."""
    now = deps.clock.now()
    async with deps.database.read() as tx:
        rows = await repository.of_workspace(tx, principal.workspace_id)
        people = {str(row[name]) for row in rows for name in ("invited_by", "accepted_by")}
        emails = await accounts.emails_of(tx, people)
    return JsonResponse(page([presenter.invitation(row, emails, now) for row in rows], None))


only(router, "/members/invitations", "GET", "POST")


@router.delete("/members/invitations/{invitation_id}", response_model=InvitationView)
async def revoke_invitation(
    invitation_id: UUID, principal: Admin, deps: WithDependencies, record: WithRecord
) -> JsonResponse:
    """The link lets nobody in any more. Whoever has accepted it stays a member."""
    now = deps.clock.now()
    async with deps.database.transaction() as tx:
        row = await revoke(tx, caller(principal), invitation_id, now)
        emails = await accounts.emails_of(tx, {row["invited_by"], str(row["accepted_by"])})
        return await record.answer(tx, presenter.invitation(row, emails, now))


@router.post("/invitations/preview", response_model=InvitationPreview, dependencies=_OPEN, responses=_UNUSABLE)
async def preview_invitation(body: ShowInvitation, deps: WithDependencies) -> JsonResponse:
    """Into which workspace and as what the link lets in; it stays unused."""
    row = await look_at(deps.database, body.secret, deps.clock.now())
    return JsonResponse(presenter.preview(row, sign_in=deps.sign_in.issuer is not None), headers=_PRIVATE)


@router.post("/invitations/accept", status_code=201, response_model=NewApiKeyView, dependencies=_OPEN,
             responses=_UNUSABLE | {403: {"description": "It is for another address"},
                                    409: {"description": "A member has this address already"}})
async def accept_invitation(body: AcceptInvitation, deps: WithDependencies, record: WithRecord) -> JsonResponse:
    """Become a member with a first API key, which is in this answer and nowhere else. Where people sign in, begin the
    sign-in with `invitation` instead."""
    now = deps.clock.now()
    found = await look_at(deps.database, body.secret, now)
    enter_workspace(found["workspace_id"])
    command = AcceptWithKey(body.secret, body.key_name, body.email)
    async with deps.database.transaction() as tx:
        accepted = await accept_with_key(tx, command, now)
        document = of_accounts.api_key(accepted.key_row)
        who = Actor(ActorKind.API_KEY, str(accepted.user_id), found["workspace_id"], accepted.key.prefix)
        record.acts_as(who, accepted.invitation_id)
        await record.store(tx, 201, document | {"key": None})
    deps.api_keys.clear()
    return JsonResponse(document | {"key": accepted.key.secret}, 201, _PRIVATE)
