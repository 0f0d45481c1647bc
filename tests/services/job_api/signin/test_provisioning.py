"""Who becomes a member at the first sign-in, and by which rule."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.job_api.signin.settings import OidcSettings
from tests.oidc.issuer import ADA

WORKSPACE = str(uuid4())
BY_DOMAIN = {"provisioning": "domain", "allowed_domains": ("example.com",), "default_workspace": WORKSPACE,
             "default_roles": ("engineer",)}
BY_CLAIMS = {"provisioning": "claims", "workspace_claim": "brightrun.workspace", "roles_claim": "groups",
             "role_names": {"ml-team": "engineer"}}


def claiming(workspace: str = WORKSPACE, *groups: str) -> dict[str, object]:
    return dict(ADA) | {"brightrun": {"workspace": workspace}, "groups": list(groups)}


async def refusal(house) -> str:
    found = await house.sign_in()
    assert found["error"] == "sign_in_not_allowed", found
    return found["error_description"]


@pytest.mark.slow
async def test_without_an_invitation_nobody_is_let_in(house) -> None:
    assert "nobody with your address" in await refusal(house)


@pytest.mark.slow
async def test_an_address_that_is_not_verified_counts_for_nothing(build, house) -> None:
    await house.invite()
    for wrong in (False, None, "false", 1):
        house.issuer.person = dict(ADA) | {"email_verified": wrong}
        assert "not verified" in await refusal(house)
    house.issuer.person = {"sub": "x"}
    assert "does not tell" in await refusal(house)
    trusting = await build(trust_unverified_email=True)
    await trusting.invite()
    trusting.issuer.person = {"sub": "x", "email": "ada@example.com"}
    assert (await trusting.session())["email"] == "ada@example.com"


async def test_an_address_that_was_given_to_somebody_else_opens_nothing(house) -> None:
    """Known by issuer and subject: the next owner of an address is not the one before."""
    await house.invite()
    await house.session()
    house.issuer.person = dict(ADA) | {"sub": "the next Ada"}
    assert "another account" in await refusal(house)


@pytest.mark.slow
async def test_whoever_changes_their_address_stays_who_they_are(house) -> None:
    member = await house.invite()
    await house.session()
    house.issuer.person = dict(ADA) | {"email": "ada@married.example", "email_verified": False}
    assert (await house.session())["user_id"] == member["id"]


async def test_an_address_of_the_domain_becomes_a_member_once(build) -> None:
    house = await build(**BY_DOMAIN)
    session = await house.session()
    assert (session["workspace_id"], session["roles"]) == (WORKSPACE, ["engineer"])
    admin = await house.api.member("admin", workspace_id=WORKSPACE)
    assert (await admin.delete(f"/members/{session['user_id']}")).status_code == 200
    assert "not a member of any workspace" in await refusal(house)  # removed is not unknown


@pytest.mark.slow
async def test_other_domains_are_not_let_in(build) -> None:
    house = await build(**BY_DOMAIN)
    for domain in ("evil.test", "notexample.com", "example.com.evil.test", "sub.example.com", "example.com@evil.test"):
        house.issuer.person = dict(ADA) | {"email": f"eve@{domain}"}
        assert "domain" in await refusal(house)


@pytest.mark.slow
async def test_claims_decide_at_every_sign_in(build) -> None:
    house = await build(**BY_CLAIMS)
    house.issuer.person = claiming(WORKSPACE, "ml-team", "owner", "unknown")
    first = await house.session()
    assert (first["workspace_id"], first["roles"]) == (WORKSPACE, ["engineer", "owner"])
    house.issuer.person = claiming(WORKSPACE, "analyst")
    assert (await house.session())["roles"] == ["analyst"]
    async with house.of(first) as ada:
        assert (await ada.get("/me")).json()["roles"] == ["analyst"]


@pytest.mark.slow
async def test_claims_that_name_nothing_let_nobody_in(build) -> None:
    house = await build(**BY_CLAIMS)
    for person, words in ((claiming("nowhere", "owner"), "no workspace"), (claiming(WORKSPACE), "no role"),
                          (claiming(WORKSPACE, "strangers"), "no role"), (dict(ADA), "no workspace")):
        house.issuer.person = person
        assert words in await refusal(house)


@pytest.mark.parametrize("wrong", [
    {"issuer": "http://issuer.example.com"}, {"algorithms": ("HS256",)}, {"algorithms": ("none",)}, {"client_id": ""},
    {"provisioning": "domain"}, {"provisioning": "claims"}, BY_CLAIMS | {"roles_claim": "user_metadata.roles"},
    {"session_hours": 0}])
def test_settings_that_would_let_in_the_wrong_people_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=r"BRIGHTRUN_OIDC|user_metadata|session_hours|provisioning"):
        OidcSettings(**({"issuer": "https://issuer.example.com", "client_id": "x"} | wrong))
