"""Members of the workspace and those who are invited: roles, removal, links."""

from functools import partial
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.responses import Response

from brightrun.errors import BrightrunError
from services.dashboard.api import Outcome
from services.dashboard.routes.settings.sections import ROLES, after, chosen_roles, refused, section_page
from services.dashboard.visit import Form, SignedIn, Visit, text_of

router = APIRouter(prefix="/settings")
_HERE = "/settings/members"
VALID = {"24": "1 day", "168": "7 days", "720": "30 days"}
_OTHERS = {role: what for role, what in ROLES.items() if role != "admin"}


@router.get("/members")
def list_members(visit: SignedIn) -> Response:
    return members_page(visit)


def members_page(visit: Visit, *, made: dict[str, Any] | None = None, values: dict[str, Any] | None = None,
                 **told: Any) -> Response:
    """With `made`: a new invitation, whose link is shown this once. `values`: what a refused form had."""
    client = visit.client
    found = visit.together(members=lambda: client.members().data, invitations=lambda: client.invitations().data)
    blank = {"email": "", "roles": [], "hours": "168", "request_id": str(uuid4())}
    secret = (made or {}).get("secret")
    link = f"{visit.parts.address(visit.request, '/invitation')}#{secret}" if secret else ""
    return section_page(
        visit, "settings/members.html", found, last_admin=_last_admin(found["members"]),
        made=made, link=link, valid=VALID, other_roles=_OTHERS, values=blank | (values or {}), **told)


def _last_admin(members: Outcome) -> str:
    """The id of the only one: nobody could let anybody in any more without them."""
    admins = [member["id"] for member in members.value or [] if "admin" in member["roles"]]
    return admins[0] if len(admins) == 1 else ""


@router.post("/members/roles")
def change_roles(visit: SignedIn, form: Form) -> Response:
    act = partial(visit.client.set_member, text_of(form, "email"), chosen_roles(form))
    return after(visit, act, _HERE, "roles-changed", partial(members_page, visit))


@router.post("/members/{user_id}/remove")
def remove_member(visit: SignedIn, user_id: UUID, form: Form) -> Response:
    act = partial(visit.client.remove_member, str(user_id))
    return after(visit, act, _HERE, "member-removed", partial(members_page, visit))


@router.post("/members")
def invite(visit: SignedIn, form: Form) -> Response:
    """The answer shows the link. Sent again, it invites nobody else."""
    values = _values(form)
    try:
        made = visit.client.invite(values["roles"], values["email"], int(values["hours"]), values["request_id"])
    except BrightrunError as error:
        return refused(error, partial(members_page, visit, values=values | {"request_id": str(uuid4())}))
    return members_page(visit, made=made)


def _values(form: FormData) -> dict[str, Any]:
    hours = text_of(form, "hours")
    return {"email": text_of(form, "email"), "roles": chosen_roles(form), "hours": hours if hours in VALID else "168",
            "request_id": text_of(form, "request_id") or str(uuid4())}


@router.post("/invitations/{invitation_id}/revoke")
def revoke_invitation(visit: SignedIn, invitation_id: UUID, form: Form) -> Response:
    act = partial(visit.client.revoke_invitation, str(invitation_id))
    return after(visit, act, _HERE, "invitation-revoked", partial(members_page, visit))
