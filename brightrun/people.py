"""Who the caller is, members, invitations and API keys, as methods."""

from typing import Any

from brightrun.calls import ROOT, Calls, given
from brightrun.models import ApiKey, Page


class People(Calls):
    """Methods of `brightrun.client.Client`."""

    def me(self) -> dict[str, Any]:
        return dict(self.http.json("GET", f"{ROOT}/me"))

    def members(self) -> Page:
        """Everybody in the workspace (admins)."""
        return self.page("/members")

    def set_member(self, email: str, roles: list[str]) -> dict[str, Any]:
        """Let somebody in, or change their roles to exactly these (admins)."""
        return dict(self.http.json("PUT", f"{ROOT}/members", json={"email": email, "roles": roles}))

    def remove_member(self, user_id: str) -> dict[str, Any]:
        """Their sessions and keys in this workspace end at once (admins)."""
        return dict(self.http.json("DELETE", f"{ROOT}/members/{user_id}"))

    def invite(
        self, roles: list[str], email: str | None = None, valid_for_hours: int | None = None, request_id: str = "",
    ) -> dict[str, Any]:
        """Let somebody in by a link (admins); `secret` is told once. `request_id`: the same again invites nobody else,
        and the answer has no secret."""
        body = {"roles": roles} | given({"email": email, "valid_for_hours": valid_for_hours})
        return dict(self.http.json("POST", f"{ROOT}/members/invitations", json=body, headers=_once(request_id)))

    def invitations(self) -> Page:
        """All of the workspace (admins), the newest first."""
        return self.page("/members/invitations")

    def revoke_invitation(self, invitation_id: str) -> dict[str, Any]:
        """The link lets nobody in any more (admins)."""
        return dict(self.http.json("DELETE", f"{ROOT}/members/invitations/{invitation_id}"))

    def preview_invitation(self, secret: str) -> dict[str, Any]:
        """Into which workspace and as what it lets in. Asks for no credentials."""
        return dict(self.http.json("POST", f"{ROOT}/invitations/preview", json={"secret": secret}))

    def accept_invitation(self, secret: str, email: str | None = None, key_name: str | None = None) -> ApiKey:
        """Become a member with a first API key; `key` is told once. Asks for no credentials."""
        body = given({"secret": secret, "email": email, "key_name": key_name})
        return ApiKey.model_validate(self.http.json("POST", f"{ROOT}/invitations/accept", json=body))

    def api_keys(self) -> list[ApiKey]:
        """All keys of the workspace (admins), the newest first."""
        return [ApiKey.model_validate(row) for row in self.http.json("GET", f"{ROOT}/api-keys")["data"]]

    def create_api_key(self, name: str, roles: list[str], request_id: str = "", **more: str | None) -> ApiKey:
        """A new key (admins); `key` is told once, and not for the same `request_id` again. `more`: email (whose key it
        is; the caller's own if absent), expires_at."""
        body = {"name": name, "roles": roles} | given(more)
        return ApiKey.model_validate(self.http.json("POST", f"{ROOT}/api-keys", json=body, headers=_once(request_id)))

    def revoke_api_key(self, key_id: str) -> ApiKey:
        """It stops working at once (admins)."""
        return ApiKey.model_validate(self.http.json("DELETE", f"{ROOT}/api-keys/{key_id}"))

    def rotate_api_key(self, key_id: str, keep_previous_for_s: int, request_id: str = "") -> ApiKey:
        """A new key in the place of this one (admins); `key` is told once, and not for the same `request_id` again."""
        body = {"keep_previous_for_s": keep_previous_for_s}
        return ApiKey.model_validate(self.http.json(
            "POST", f"{ROOT}/api-keys/{key_id}/rotate", json=body, headers=_once(request_id)))


def _once(request_id: str) -> dict[str, str]:
    return {"Idempotency-Key": request_id} if request_id else {}
