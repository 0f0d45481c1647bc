"""Encoding of NATS tokens; that a server accepts and enforces them is tested in tests/stack."""

import base64
import json
from datetime import UTC, datetime

import pytest

from chassis.messaging import nats_jwt
from chassis.messaging.nats_jwt import InvalidToken, Key, Limits, Permissions


def test_keys_say_what_they_are():
    assert nats_jwt.new_operator_key().public[0] == "O"
    assert nats_jwt.new_account_key().public[0] == "A"
    user = nats_jwt.new_user_key()
    assert (user.public[0], user.seed[:2], len(user.public)) == ("U", "SU", 56)
    assert Key.from_seed(user.seed + "\n") == user
    assert user.seed not in repr(user)


def test_a_user_token_carries_its_limits():
    account, signing, user = nats_jwt.new_account_key(), nats_jwt.new_account_key(), nats_jwt.new_user_key()
    expires = datetime(2030, 1, 2, tzinfo=UTC)
    permissions = Permissions(["b.>", "a.1"], ["inbox.>"], replies=True)
    token = nats_jwt.user_token(signing, account.public, user.public, "pod", permissions, expires=expires)
    claims = nats_jwt.claims_of(token)
    assert (claims["iss"], claims["sub"], claims["name"]) == (signing.public, user.public, "pod")
    assert claims["exp"] == 1893542400
    assert claims["nats"]["pub"] == {"allow": ["a.1", "b.>"]}
    assert claims["nats"]["sub"] == {"allow": ["inbox.>"]}
    assert claims["nats"]["resp"]["max"] == 1
    assert (claims["nats"]["type"], claims["nats"]["version"]) == ("user", 2)
    assert claims["nats"]["issuer_account"] == account.public
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header == {"typ": "JWT", "alg": "ed25519-nkey"}


def test_nothing_allowed_is_not_everything_allowed():
    assert Permissions().claims() == {"pub": {"deny": [">"]}, "sub": {"deny": [">"]}}


@pytest.mark.parametrize("damage", ["claims", "signature", "shape"])
def test_a_changed_token_is_noticed(damage):
    account = nats_jwt.new_account_key()
    token = nats_jwt.user_token(account, account.public, nats_jwt.new_user_key().public, "u", Permissions(["a"]))
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["nats"]["pub"] = {"allow": [">"]}
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    broken = {"claims": f"{header}.{forged}.{signature}", "signature": f"{header}.{payload}.AAAA", "shape": "x"}
    with pytest.raises(InvalidToken):
        nats_jwt.claims_of(broken[damage])


def test_an_account_token_carries_limits_revocations_and_what_passes():
    operator, account, exporter = nats_jwt.new_operator_key(), nats_jwt.new_account_key(), nats_jwt.new_account_key()
    limits = Limits(subscriptions=5, payload=100, connections=2, leaf_nodes=0)
    token = nats_jwt.account_token(operator, account.public, "app", signing_keys=["AX"], exports=["a.*"],
                                   imports={"b.*": exporter.public}, limits=limits, revocations={"U1": 7})
    claims = nats_jwt.claims_of(token)["nats"]
    assert claims["limits"] == {"subs": 5, "data": -1, "payload": 100, "conn": 2, "leaf": 0, "imports": 1,
                                "exports": 1, "wildcards": True}
    assert claims["exports"] == [{"name": "a.*", "subject": "a.*", "type": "service"}]
    assert claims["imports"] == [{"name": "b.*", "subject": "b.*", "account": exporter.public, "type": "service"}]
    assert (claims["signing_keys"], claims["revocations"]) == (["AX"], {"U1": 7})


def test_an_account_stores_streams_only_when_told_to():
    operator, account = nats_jwt.new_operator_key(), nats_jwt.new_account_key()
    plain = nats_jwt.claims_of(nats_jwt.account_token(operator, account.public, "app"))["nats"]["limits"]
    storing = nats_jwt.claims_of(nats_jwt.account_token(operator, account.public, "app", jetstream=True))
    assert "disk_storage" not in plain
    assert storing["nats"]["limits"]["disk_storage"] == -1


def test_a_users_limits_are_its_own():
    account, user = nats_jwt.new_account_key(), nats_jwt.new_user_key()
    token = nats_jwt.user_token(account, account.public, user.public, "u", Permissions(["a"]),
                                limits=Limits(subscriptions=3, payload=1024))
    claims = nats_jwt.claims_of(token)["nats"]
    assert (claims["subs"], claims["payload"], claims["data"]) == (3, 1024, -1)


def test_credentials_are_what_clients_read():
    text = nats_jwt.credentials("a.b.c", "SUXYZ")
    assert text.index("-----BEGIN NATS USER JWT-----\na.b.c\n") < text.index("-----BEGIN USER NKEY SEED-----\nSUXYZ\n")
