"""Secrets that must not leave the process they belong to, recognised by their form."""

import re

HIDDEN = "[redacted]"
_HIDE = f"\\g<1>{HIDDEN}"

_QUERY_SECRETS = r"x-amz-(?:signature|credential|security-token)|signature|sig|token|access_token"
# What is hidden, in this order (whole blocks before anything cuts into them). Group 1 stays visible.
_FORMS = (
    r"(?s)()-----BEGIN [A-Z0-9 ]*(?:SEED|KEY|JWT)[A-Z ]*-----.*?-----+END [^-]*-+",  # .creds and PEM files
    r"(?i)((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic|token)\s+)?[^\s\"',;]+",
    r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}",
    r"()\bbr[si]?_[A-Za-z0-9]{12,}",  # our API keys, sessions and invitations
    r"()\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",  # any JWT, NATS user JWTs included
    r"()\bS[UAOCNX][A-Z2-7]{56}\b",  # NATS nkey seeds
    rf"(?i)([?&](?:{_QUERY_SECRETS})=)[^&\s\"']+",  # presigned URLs
    r"(\b[a-z][a-z0-9+.-]*://[^\s:/@\"']*:)[^\s@\"']+(?=@)",  # password in a URL
    r"(https://hooks\.slack\.com/)[^\s\"']+",
    r"(https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks/)[^\s\"']+",
    r"(https://[^\s/\"']+\.webhook\.office\.com/)[^\s\"']+",
    r"()\bxox[abeoprs]-[A-Za-z0-9-]+",  # Slack tokens
    r"()\bhf_[A-Za-z0-9]{20,}",  # Hugging Face tokens
    r"()\brpa_[A-Za-z0-9]{20,}",  # RunPod keys
)
_PATTERNS = tuple(re.compile(form) for form in _FORMS)
# Cheap test first: nearly every string has none of these and is returned as it is.
_SUSPECT = re.compile(
    r"(?i)br[si]?_|eyJ|://|bearer|authorization|-----BEGIN|\bS[UAOCNX][A-Z2-7]{20}|xox|hf_|rpa_|[?&][a-z_-]*(?:sig|token)"
)


def redact(text: str) -> str:
    """`text` with API keys, tokens, signatures, seeds, webhook addresses and passwords in URLs replaced."""
    if not _SUSPECT.search(text):
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(_HIDE, text)
    return text
