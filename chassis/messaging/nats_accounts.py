"""What a running server knows of its accounts, asked and changed by a user of the system account."""

import json
from collections.abc import AsyncIterator
from typing import Any

from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError

from chassis.messaging.nats_jwt import claims_of

UPDATE_ACCOUNT_SUBJECT = "$SYS.REQ.CLAIMS.UPDATE"
# How long a server of a cluster may take to answer after the one before it did.
_NEXT_ANSWER_S = 0.5
_CONNECTIONS_AT_ONCE = 1024


class ClaimsRefused(RuntimeError):
    """The server did not take an account's new claims."""


class SignedByNewerKey(ClaimsRefused):
    """Somebody has the operator's next signing key already and signed the account with it."""


async def fetch_account(system: Client, account: str, timeout_s: float = 5.0) -> str:
    """The account's token as the server has it, empty when it has none."""
    reply = await system.request(f"$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP", b"", timeout=timeout_s)
    return reply.data.decode()


async def known_accounts(system: Client, timeout_s: float = 5.0) -> list[str]:
    """The tokens of all accounts that the server keeps."""
    reply = await system.request("$SYS.REQ.CLAIMS.LIST", b"", timeout=timeout_s)
    found = [await fetch_account(system, account, timeout_s) for account in json.loads(reply.data)["data"]]
    return [token for token in found if token]


async def push_account(system: Client, account_jwt: str, timeout_s: float = 5.0) -> None:
    """Give the server an account's new claims; users revoked in it are disconnected. Raises ClaimsRefused."""
    reply = await system.request(UPDATE_ACCOUNT_SUBJECT, account_jwt.encode(), timeout=timeout_s)
    answer = json.loads(reply.data)
    if answer.get("data", {}).get("code") != 200:
        raise ClaimsRefused(answer.get("error", {}).get("description") or str(answer))


async def publish_account(system: Client, account_jwt: str) -> bool:
    """Have the server know an account by exactly these claims; False when it does already.

    Raises ClaimsRefused, also when its signer is not trusted: the server stores an account's new token even then
    (2.15), and would find the account invalid at its next start. Of the operator's signing keys a later one takes
    over what an earlier one signed, never the other way round.
    """
    wanted = claims_of(account_jwt)
    if present := await fetch_account(system, wanted["sub"]):
        claims = claims_of(present)
        if claims["iss"] != wanted["iss"]:
            _refuse_earlier(await trusted_signers(system), claims["iss"], wanted["iss"])
        elif claims["nats"] == wanted["nats"]:
            return False
    await push_account(system, account_jwt)
    return True


def _refuse_earlier(trusted: list[str], before: str, after: str) -> None:
    if after not in trusted:
        raise ClaimsRefused(f"the account was signed by {before}, and the server does not trust {after}")
    if before in trusted and trusted.index(before) > trusted.index(after):
        raise SignedByNewerKey(f"the account was signed by {before}, which replaces {after}")


async def trusted_signers(system: Client) -> list[str]:
    """The operator's signing keys that every server trusts, each replacing those before it. A server reads them when
    it starts, and never again."""
    signers: list[list[str]] = []
    async for server in _answers(system, "$SYS.REQ.SERVER.PING.VARZ", {}):
        operators = server["data"].get("trusted_operators_claim") or [{}]
        signers.append(list(operators[0].get("nats", {}).get("signing_keys") or ()))
    return [key for key in (signers[0] if signers else ()) if all(key in others for others in signers)]


async def connections_signed_by(system: Client, signer: str) -> int:
    """Clients connected just now by a user that `signer`, a signing key of its account, signed."""
    count = offset = 0
    more = True
    while more:
        more = False
        page = {"auth": True, "limit": _CONNECTIONS_AT_ONCE, "offset": offset}
        async for server in _answers(system, "$SYS.REQ.SERVER.PING.CONNZ", page):
            found = server["data"].get("connections") or []
            count += sum(connection.get("issuer_key") == signer for connection in found)
            more = more or len(found) == _CONNECTIONS_AT_ONCE
        offset += _CONNECTIONS_AT_ONCE
    return count


async def _answers(system: Client, subject: str, request: dict[str, Any], first_s: float = 5.0
                   ) -> AsyncIterator[dict[str, Any]]:
    """Of every server: each answers for itself. Raises TimeoutError when none does."""
    inbox = system.new_inbox()
    subscription = await system.subscribe(inbox)
    await system.publish(subject, json.dumps(request).encode(), reply=inbox)
    yield json.loads((await subscription.next_msg(timeout=first_s)).data)
    try:
        while True:
            yield json.loads((await subscription.next_msg(timeout=_NEXT_ANSWER_S)).data)
    except NatsTimeoutError:
        await subscription.unsubscribe()
