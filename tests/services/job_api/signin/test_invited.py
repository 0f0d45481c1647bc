"""Signing in by the link of an invitation."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from services.job_api.accounts import repository as accounts
from services.job_api.edge.auth import Role

ADA = "ada@example.com"


async def invited(house: Any, **body: Any) -> dict[str, Any]:
    answer = await house.api.client.post("/members/invitations", json={"roles": ["analyst"]} | body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def refusal(house: Any, **begin: Any) -> str:
    found = await house.sign_in(**begin)
    assert found["error"] == "sign_in_not_allowed", found
    return found["error_description"]


async def test_who_is_nobody_here_is_let_in_by_a_link_and_by_nothing_else(house) -> None:
    assert "nobody with your address" in await refusal(house)
    invitation = await invited(house)
    session = await house.session(invitation=invitation["secret"])
    assert (session["email"], session["roles"], session["workspace_id"]) == (
        ADA, ["analyst"], str(house.api.workspace_id))
    assert "used or taken back" in await refusal(house, invitation=invitation["secret"])
    assert (await house.session())["roles"] == ["analyst"], "a member from now on"
    [found] = (await house.api.client.get("/members/invitations")).json()["data"]
    assert (found["status"], found["accepted_by"]) == ("accepted", session["user_id"])


async def test_an_invitation_for_another_address_stays_open(house) -> None:
    invitation = await invited(house, email="bob@example.com")
    assert "another e-mail address" in await refusal(house, invitation=invitation["secret"])
    [found] = (await house.api.client.get("/members/invitations")).json()["data"]
    assert found["status"] == "open"
    assert "nobody with your address" in await refusal(house), "nothing of the refused sign-in is left"


@pytest.mark.slow
async def test_a_member_elsewhere_joins_this_workspace_too(house) -> None:
    elsewhere = uuid4()
    async with house.api.database.transaction() as tx:
        await accounts.ensure_workspace(tx, elsewhere, "Elsewhere")
        user = await accounts.ensure_user(tx, ADA)
        await accounts.add_roles(tx, elsewhere, user, [Role.OWNER])
    assert (await house.session())["workspace_id"] == str(elsewhere)
    session = await house.session(invitation=(await invited(house, email=ADA))["secret"])
    assert (session["workspace_id"], session["roles"]) == (str(house.api.workspace_id), ["analyst"])
    assert (await house.session())["workspace_id"] == str(elsewhere), "the one that was joined first"
