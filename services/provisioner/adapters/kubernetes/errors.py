"""What the API server refuses, told apart. The only place that looks at its words."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx

from services.provisioner.adapters.answers import retry_after_s, without_secrets
from services.provisioner.adapters.exchange import RateLimited, Unavailable
from services.provisioner.adapters.kubernetes.documents import Refusal
from services.provisioner.ports import NoCapacity, ProviderError, RequestRefused

# Status 403 has no reason of its own for a namespace that is full.
_QUOTA = re.compile(r"exceeded quota", re.IGNORECASE)


class WrongToken(RequestRefused):
    """401: the token is missing, wrong or expired."""


class Forbidden(RequestRefused):
    """403: the service account may not do this, or a policy of the cluster does not want it."""


class InvalidRequest(RequestRefused):
    """400 and 422: the cluster does not take such an object."""


class NotFound(ProviderError):
    """404: an answer, not a failure."""


class NoNamespace(RequestRefused):
    """404 for a new object: there is no such namespace."""


class AlreadyExists(ProviderError):
    """409 for a create: the name is taken."""


class Conflict(ProviderError):
    """409: it has changed, or is another one, since it was looked at."""


class Expired(ProviderError):
    """410: a list has to be read from its beginning again."""


def error_of(answer: httpx.Response, secrets: Mapping[str, str]) -> ProviderError:
    """The error behind an answer that is no success. None of `secrets`' values is in its text."""
    refusal = _read(answer)
    words, status = without_secrets(refusal.message, secrets)[:2000], answer.status_code
    match status:
        case 429:
            return RateLimited(f"the cluster's API server is busy: {words}", _pause_s(answer, refusal))
        case 401:
            return WrongToken("the cluster refuses the token; BRIGHTRUN_KUBERNETES_TOKEN_FILE names the file with it")
        case 403 if _QUOTA.search(words):
            return NoCapacity(f"the namespace's quota is used up: {words}")
        case 403:
            return Forbidden(f"the cluster forbids this: {words}")
        case 404:
            return NotFound(f"the cluster knows no such thing: {words}")
        case 409 if refusal.reason == "AlreadyExists":
            return AlreadyExists(f"the name is taken: {words}")
        case 409:
            return Conflict(f"it has changed in the meantime: {words}")
        case 410:
            return Expired(f"the list has changed too much: {words}")
        case _ if 400 <= status < 500:
            return InvalidRequest(f"the cluster does not take this ({status}): {words}")
    return Unavailable(f"the cluster's API server answered {status}: {words}")


def _pause_s(answer: httpx.Response, refusal: Refusal) -> float:
    told = refusal.details.retry_after_seconds if refusal.details else None
    return float(told) if told is not None and "Retry-After" not in answer.headers else retry_after_s(answer)


def _read(answer: httpx.Response) -> Refusal:
    """What stands before the API server (a balancer, a proxy) does not speak its language."""
    try:
        found = Refusal.model_validate_json(answer.content)
    except ValueError:
        found = Refusal()
    return found if found.message else Refusal(message=answer.reason_phrase or "no reason given", reason=found.reason)
