"""What RunPod refuses, told apart. The only place that looks at the provider's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

import httpx

from contracts.error_catalogue import ErrorCode
from services.provisioner.adapters.answers import retry_after_s, told_at, without_secrets
from services.provisioner.adapters.exchange import RateLimited, Unavailable
from services.provisioner.adapters.runpod.documents import Refusal
from services.provisioner.ports import NoCapacity, ProviderError, RequestRefused

# 400 means "no capacity" and "broken rule" alike and carries no code; these are the words of the first.
_NO_CAPACITY = re.compile(
    r"no longer any instances|no instances|not have the resources|not enough free gpu|no (?:available )?capacity|"
    r"out of capacity|currently unavailable|could not be placed|no machines? (?:are|is) available", re.IGNORECASE)
_NO_BALANCE = re.compile(
    r"insufficient (?:balance|funds|credit)|balance is too low|not enough (?:credit|balance|funds)", re.IGNORECASE)
_WITHDRAWN = re.compile(
    r"cannot query field|unknown type|no longer (?:supported|offered)|has been (?:removed|retired)|"
    r"(?:spot|interruptible|interruptable)\b.*(?:not supported|removed|disabled|discontinued)", re.IGNORECASE)


class BrokenRule(RequestRefused):
    """400 without a word of capacity: the request breaks a rule, or this card cannot be placed there."""


class InvalidRequest(RequestRefused):
    """422: the body is not what the provider's document describes. Ours to mend."""


class NoBalance(RequestRefused):
    """402: the account has no money left. No machine can be had until somebody pays."""

    error_code = ErrorCode.PROVIDER_BALANCE


class WrongKey(RequestRefused):
    """401: the API key is missing, wrong or expired."""


class Forbidden(RequestRefused):
    """403: this key, or this account, may not have what was asked for."""


class NotFound(ProviderError):
    """404: an answer, not a failure. `at`: when it was given, by the provider's clock."""

    def __init__(self, message: str, at: datetime) -> None:
        super().__init__(message)
        self.at = at


class Gone(RequestRefused):
    """410: this interface has been retired."""


def error_of(answer: httpx.Response, secrets: Mapping[str, str]) -> ProviderError:
    """The error behind an answer that is no success. None of `secrets`' values is in its text."""
    words = without_secrets(_words(answer), secrets)
    status = answer.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited(f"RunPod's rate limit is reached: {words}", retry_after_s(answer))
    if status >= 500 or status < 400:
        return Unavailable(f"RunPod answered {status}: {words}")
    if status == httpx.codes.NOT_FOUND:
        return NotFound(f"RunPod knows no such thing: {words}", told_at(answer))
    return refusal_of(status, words)


def refusal_of(status: int, words: str) -> ProviderError:
    match status:
        case 400 if _NO_CAPACITY.search(words):
            return NoCapacity(f"RunPod has no such machine free: {words}")
        case 401:
            return WrongKey("RunPod refuses the API key; set BRIGHTRUN_RUNPOD_API_KEY to a valid one")
        case 402:
            return NoBalance(f"RunPod's account has no credit left; add credit, then start again ({words})")
        case 403:
            return Forbidden(f"RunPod forbids this: {words}")
        case 410:
            return Gone(f"RunPod has retired this interface: {words}")
        case 422:
            return InvalidRequest(f"RunPod does not understand the request: {words}")
    return BrokenRule(f"RunPod refuses the request: {words}")


def graphql_refusal(words: str) -> ProviderError:
    """GraphQL answers 200 whatever happened, and says what in words."""
    if _NO_BALANCE.search(words):
        return refusal_of(402, words)
    return refusal_of(400, words)


def is_withdrawn(words: str) -> bool:
    return _WITHDRAWN.search(words) is not None


def _words(answer: httpx.Response) -> str:
    try:
        refusal = Refusal.model_validate_json(answer.content)
    except ValueError:
        return answer.reason_phrase or "no reason given"
    errors = [error if isinstance(error, str) else error.message for error in refusal.errors]
    return "; ".join(filter(None, [refusal.detail or refusal.title, *errors]))[:2000]
