"""API keys: the list, new ones that are shown once, new ones in the place of old ones, and their end."""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.responses import Response

from brightrun.errors import BrightrunError
from brightrun.models import ApiKey
from services.dashboard.api import attempt
from services.dashboard.routes.settings.sections import after, chosen_roles, refused, section_page
from services.dashboard.visit import Form, SignedIn, Visit, text_of

router = APIRouter(prefix="/settings/keys")
# How long the key before may work on beside its successor.
KEPT = {"0": "ends at once", "3600": "works on for 1 hour", "86400": "works on for 24 hours",
        "604800": "works on for 7 days"}


@router.get("")
def list_keys(visit: SignedIn) -> Response:
    return keys_page(visit)


def keys_page(visit: Visit, *, made: ApiKey | None = None, values: dict[str, Any] | None = None,
              **told: Any) -> Response:
    """With `made`: a new key, shown this once. `values`: what a refused form had."""
    found = attempt(lambda: [_row(visit, key) for key in visit.client.api_keys()])
    blank = {"name": "", "email": "", "expires_on": "", "roles": [], "request_id": str(uuid4())}
    return section_page(visit, "settings/keys.html", {"found": found}, made=made, kept=KEPT,
                        values=blank | (values or {}), **told)


def _row(visit: Visit, key: ApiKey) -> dict[str, Any]:
    shown = {"state": _state(key, visit.parts.clock.now()), "request_id": str(uuid4())}
    return key.model_dump() | shown | {"in_use_here": visit.session.credential.startswith(key.prefix)}


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "works"


@router.post("")
def make_key(visit: SignedIn, form: Form) -> Response:
    """The answer shows the key: it stands in no address and is stored nowhere. Sent again, it makes no second one."""
    values = _values(form)
    expires_at = f"{values['expires_on']}T23:59:59Z" if values["expires_on"] else None
    try:
        made = visit.client.create_api_key(values["name"], values["roles"], values["request_id"],
                                           email=values["email"], expires_at=expires_at)
    except BrightrunError as error:
        return refused(error, partial(keys_page, visit, values=values | {"request_id": str(uuid4())}))
    return keys_page(visit, made=made)


def _values(form: FormData) -> dict[str, Any]:
    plain = {name: text_of(form, name) for name in ("name", "email", "expires_on")}
    return plain | {"roles": chosen_roles(form), "request_id": text_of(form, "request_id") or str(uuid4())}


@router.post("/{key_id}/rotate")
def rotate_key(visit: SignedIn, key_id: UUID, form: Form) -> Response:
    keep = text_of(form, "keep")
    try:
        made = visit.client.rotate_api_key(
            str(key_id), int(keep) if keep in KEPT else 86_400, text_of(form, "request_id") or str(uuid4()))
    except BrightrunError as error:
        return refused(error, partial(keys_page, visit))
    return keys_page(visit, made=made)


@router.post("/{key_id}/revoke")
def revoke_key(visit: SignedIn, key_id: UUID, form: Form) -> Response:
    return after(visit, partial(visit.client.revoke_api_key, str(key_id)), "/settings/keys", "key-revoked",
                 partial(keys_page, visit))
