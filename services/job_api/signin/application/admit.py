"""Whom an identity of the issuer becomes here, and in which workspace."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.job_api.accounts import repository as accounts
from services.job_api.edge.auth.principal import Role
from services.job_api.edge.auth.tokens import claim_at, named_roles
from services.job_api.invitations.application.accept import accept_signed_in
from services.job_api.invitations.errors import InvitationForAnother, InvitationNotUsable
from services.job_api.signin import repository
from services.job_api.signin.domain import Identity
from services.job_api.signin.errors import SignInNotAllowed
from services.job_api.signin.settings import OidcSettings


@dataclass(frozen=True)
class Wanted:
    """Into which workspace, and by which invitation, if by one."""

    workspace_id: UUID | None
    invitation_sha256: bytes | None
    now: datetime


@dataclass(frozen=True)
class Admitted:
    user_id: UUID
    workspace_id: UUID


async def admit(
    tx: AsyncConnection, identity: Identity, settings: OidcSettings, wanted: Wanted
) -> Admitted:
    """Raises SignInNotAllowed. Known by issuer and subject; an address counts at the first sign-in only, for it may be
    given to somebody else later."""
    if settings.allowed_domains and identity.domain not in settings.allowed_domains:
        raise SignInNotAllowed("your address is not of a domain that is let in")
    user_id = await repository.user_of(tx, identity.issuer, identity.subject)
    if user_id is None:
        user_id = await _first_sign_in(tx, identity, settings, invited=wanted.invitation_sha256 is not None)
    if settings.provisioning == "claims":
        await _follow_claims(tx, identity.claims, user_id, settings)
    await repository.note_sign_in(tx, identity)
    if wanted.invitation_sha256 is not None:
        return Admitted(user_id, await _accepted(tx, wanted.invitation_sha256, user_id, wanted.now))
    return Admitted(user_id, _chosen(await repository.workspaces_of(tx, user_id), wanted.workspace_id))


async def _accepted(tx: AsyncConnection, invitation_sha256: bytes, user_id: UUID, now: datetime) -> UUID:
    try:
        return await accept_signed_in(tx, invitation_sha256, user_id, now)
    except InvitationNotUsable:
        raise SignInNotAllowed("the invitation was used or taken back, or has expired") from None
    except InvitationForAnother:
        raise SignInNotAllowed("the invitation is for another e-mail address") from None


async def _first_sign_in(
    tx: AsyncConnection, identity: Identity, settings: OidcSettings, *, invited: bool
) -> UUID:
    if not identity.email:
        raise SignInNotAllowed("it does not tell your e-mail address")
    if not identity.email_verified and not settings.trust_unverified_email:
        raise SignInNotAllowed("it has not verified your e-mail address")
    user_id = await repository.user_with(tx, identity.email)
    if user_id is None and settings.provisioning == "members" and not invited:
        raise SignInNotAllowed("nobody with your address is a member here")
    if user_id is None:
        user_id = await accounts.ensure_user(tx, identity.email, identity.name)
    if await repository.is_linked(tx, user_id, identity.issuer):
        raise SignInNotAllowed("your address belongs to another account of it")
    await repository.link(tx, identity, user_id)
    if settings.provisioning == "domain" and settings.default_workspace is not None:
        await accounts.ensure_workspace(tx, settings.default_workspace, f"Workspace {settings.default_workspace}")
        await accounts.add_roles(tx, settings.default_workspace, user_id, settings.default_roles)
    return user_id


async def _follow_claims(
    tx: AsyncConnection, claims: Mapping[str, Any], user_id: UUID, settings: OidcSettings
) -> None:
    """The issuer's word replaces what was: the membership has exactly the roles of the claim."""
    try:
        workspace_id = UUID(str(claim_at(claims, settings.workspace_claim)))
    except ValueError:
        raise SignInNotAllowed("it names no workspace for you") from None
    roles = named_roles(claim_at(claims, settings.roles_claim), settings.role_names)
    if not roles:
        raise SignInNotAllowed("it names no role for you")
    await accounts.ensure_workspace(tx, workspace_id, f"Workspace {workspace_id}")
    await accounts.set_roles(tx, workspace_id, user_id, sorted(Role(role) for role in roles))


def _chosen(workspaces: Any, wanted: UUID | None) -> UUID:
    if wanted is not None and wanted not in workspaces:
        raise SignInNotAllowed("you are not a member of that workspace")
    if not workspaces:
        raise SignInNotAllowed("you are not a member of any workspace")
    found: UUID = wanted or workspaces[0]
    return found
