"""Members who come by a link, and what becomes of the link."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from services.job_api.edge.auth import Role
from services.job_api.invitations.schemas import InvitationList, InvitationPreview, NewInvitationView
from services.job_api.tables import audit_entries, invitations

ADA = "ada@example.com"


async def invited(client: Any, **body: Any) -> dict[str, Any]:
    answer = await client.post("/members/invitations", json={"roles": ["engineer"]} | body)
    assert answer.status_code == 201, answer.text
    NewInvitationView.model_validate(answer.json())
    return answer.json()


async def accept(api: Any, invitation: dict[str, Any], **body: Any) -> Any:
    async with api.as_key("") as nobody:
        return await nobody.post("/invitations/accept", json={"secret": invitation["secret"]} | body)


async def listed(client: Any) -> list[dict[str, Any]]:
    answer = (await client.get("/members/invitations")).json()
    InvitationList.model_validate(answer)
    return answer["data"]


async def test_a_link_makes_a_member_with_a_first_key(api) -> None:
    invitation = await invited(api.client, email=ADA, roles=["analyst", "engineer"])
    async with api.as_key("") as nobody:
        seen = (await nobody.post("/invitations/preview", json={"secret": invitation["secret"]})).json()
    InvitationPreview.model_validate(seen)
    assert (seen["email"], seen["roles"], seen["sign_in"]) == (ADA, ["analyst", "engineer"], False)
    answer = await accept(api, invitation, key_name="laptop")
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    key = answer.json()
    assert (key["email"], key["name"], key["roles"]) == (ADA, "laptop", ["analyst", "engineer"])
    async with api.as_key(key["key"]) as ada:
        me = (await ada.get("/me")).json()
        assert (me["email"], me["workspace_id"]) == (ADA, str(api.workspace_id))
        assert (await ada.get("/jobs")).status_code == 200
    [found] = await listed(api.client)
    assert (found["status"], found["accepted_by_email"]) == ("accepted", ADA)
    assert "secret" not in found
    again = await accept(api, invitation)
    assert (again.status_code, again.json()["code"]) == (404, "invitation_not_usable")
    assert ADA in {member["email"] for member in (await api.client.get("/members")).json()["data"]}


async def test_the_secret_is_stored_nowhere_and_not_told_twice(api) -> None:
    headers = {"idempotency-key": str(uuid4())}
    body = {"roles": ["engineer"]}
    first = (await api.client.post("/members/invitations", json=body, headers=headers)).json()
    again = (await api.client.post("/members/invitations", json=body, headers=headers)).json()
    assert first["secret"].startswith("bri_")
    assert again == first | {"secret": None}
    async with api.database.read() as tx:
        kept = str(list((await tx.execute(select(invitations))).mappings()))
        entries = list((await tx.execute(select(audit_entries).where(
            audit_entries.c.operation == "create_invitation"))).mappings())
    assert first["secret"] not in kept
    assert [(entry["target_kind"], entry["target_id"]) for entry in entries] == [("invitation", first["id"])]


async def test_a_link_lets_one_in_however_many_come_at_once(api) -> None:
    invitation = await invited(api.client)
    answers = await asyncio.gather(*(accept(api, invitation, email=f"{n}@example.com") for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 404, 404, 404]
    [made] = [answer.json() for answer in answers if answer.status_code == 201]
    async with api.database.read() as tx:
        who = (await tx.execute(select(audit_entries).where(
            audit_entries.c.operation == "accept_invitation", audit_entries.c.status == 201))).mappings().one()
    assert (who["actor"], who["credential"], who["target_id"]) == (made["user_id"], made["prefix"], made["id"])


async def test_revoked_and_expired_links_let_nobody_in(api) -> None:
    revoked, expired = await invited(api.client), await invited(api.client)
    answer = await api.client.delete(f"/members/invitations/{revoked['id']}")
    assert (answer.status_code, answer.json()["status"]) == (200, "revoked")
    async with api.database.transaction() as tx:
        await tx.execute(update(invitations).where(invitations.c.id == expired["id"]).values(expires_at=func.now()))
    for invitation in (revoked, expired, {"secret": "bri_" + "x" * 40}):
        answer = await accept(api, invitation, email=ADA)
        assert (answer.status_code, answer.json()["code"]) == (404, "invitation_not_usable")
    assert {one["status"] for one in await listed(api.client)} == {"revoked", "expired"}


async def test_who_may_accept_what(api) -> None:
    for_ada, for_anybody = await invited(api.client, email=ADA), await invited(api.client)
    other = await accept(api, for_ada, email="eve@example.com")
    assert (other.status_code, other.json()["code"]) == (403, "invitation_for_another")
    nameless = await accept(api, for_anybody)
    assert (nameless.status_code, nameless.json()["errors"][0]["field"]) == (422, "email")
    taken = await accept(api, for_anybody, email=api.credentials["email"])
    assert (taken.status_code, taken.json()["code"]) == (409, "already_a_member")
    assert (await accept(api, for_ada)).status_code == 201, "what was refused has used nothing up"
    assert (await accept(api, for_anybody, email="bob@example.com")).status_code == 201


async def test_another_workspace_sees_and_revokes_nothing(api) -> None:
    invitation, stranger = await invited(api.client), await api.member(Role.ADMIN, workspace_id=uuid4())
    assert await listed(stranger) == []
    answer = await stranger.delete(f"/members/invitations/{invitation['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "invitation_not_found")
    assert [one["status"] for one in await listed(api.client)] == ["open"]
    await stranger.aclose()


@pytest.mark.parametrize("loses", ["membership", "admin"])
async def test_who_is_removed_cannot_come_back_by_a_link_of_their_own(api, loses: str) -> None:
    boss = (await accept(api, await invited(api.client, roles=["admin"]), email="boss@example.com")).json()
    async with api.as_key(boss["key"]) as client:
        sent = await invited(client)
        to_boss = await invited(api.client, email="boss@example.com")
        if loses == "membership":
            removed = await api.client.delete(f"/members/{boss['user_id']}")
            assert removed.status_code == 200
            assert (await client.get("/me")).status_code == 401
        else:
            await api.client.put("/members", json={"email": "boss@example.com", "roles": ["engineer"]})
            assert (await client.get("/members/invitations")).status_code == 403
    assert (await accept(api, sent, email="puppet@example.com")).status_code == 404
    assert (await accept(api, to_boss)).status_code == (404 if loses == "membership" else 201)
