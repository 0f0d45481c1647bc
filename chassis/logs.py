"""One JSON object per line on stdout: time, level, service, event, job_id, trace_id, span_id - and no secrets."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import orjson
import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars

from chassis.tracing import current_ids

__all__ = ["bind_contextvars", "bound_contextvars", "clear_contextvars", "configure", "redact", "redact_value"]

HIDDEN = "[redacted]"
_SECRET_NAMES = re.compile(
    r"(?i)(authorization|cookie|password|passwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|seed"
    r"|credential|(?:^|_)token$|(?:^|_)jwt$|webhook[_-]?url)"
)
_HIDE = f"\\g<1>{HIDDEN}"
_PATTERNS = [
    # private key blocks of .creds and PEM files, before anything else cuts into them
    (re.compile(r"-----BEGIN ([A-Z0-9 ]*(?:SEED|KEY|JWT)[A-Z ]*)-----.*?-----+END [^-]*-+", re.S), HIDDEN),
    (re.compile(r"(?i)((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic|digest|token)\s+)?[^\s\"',;]+"), _HIDE),
    (re.compile(r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}"), _HIDE),
    (re.compile(r"()\bbr_[A-Za-z0-9]{12,}"), _HIDE),
    (re.compile(r"()\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), _HIDE),  # any JWT, NATS user JWTs included
    (re.compile(r"()\bS[UAOCNX][A-Z2-7]{56}\b"), _HIDE),  # NATS nkey seeds
    (re.compile(r"(?i)([?&](?:x-amz-(?:signature|credential|security-token)|signature|sig|token|access_token)=)[^&\s\"']+"), _HIDE),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@\"']*:)[^\s@\"']+(?=@)"), _HIDE),  # password in a URL
    (re.compile(r"(https://hooks\.slack\.com/)[^\s\"']+"), _HIDE),
    (re.compile(r"(https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks/)[^\s\"']+"), _HIDE),
    (re.compile(r"(https://[^\s/\"']+\.webhook\.office\.com/)[^\s\"']+"), _HIDE),
    (re.compile(r"()\bxox[abeoprs]-[A-Za-z0-9-]+"), _HIDE),  # Slack tokens
    (re.compile(r"()\bhf_[A-Za-z0-9]{20,}"), _HIDE),  # Hugging Face tokens
    (re.compile(r"()\brpa_[A-Za-z0-9]{20,}"), _HIDE),  # RunPod keys
]  # fmt: skip
# Cheap test first: nearly every log string has none of these and is returned as it is.
_SUSPECT = re.compile(
    r"br_|eyJ|://|[Bb]earer|uthorization|UTHORIZATION|-----BEGIN|\bS[UAOCNX][A-Z2-7]{20}|xox|hf_|rpa_|(?i:sig|token)"
)


def redact(text: str) -> str:
    """`text` with API keys, tokens, signatures, seeds, webhook addresses and passwords in URLs replaced."""
    if not _SUSPECT.search(text):
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_value(value: Any) -> Any:
    """`redact` for nested values; whatever stands under a name such as `password` is hidden completely."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            str(key): HIDDEN if item and _SECRET_NAMES.search(str(key)) else redact_value(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def configure(service: str, level: str = "INFO") -> None:
    """Routes structlog and the standard library's logging (uvicorn, SQLAlchemy, nats...) into JSON lines on stdout."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _add_context(service),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact_event, _render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    _take_over_library_loggers()


def _take_over_library_loggers() -> None:
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "faststream", "alembic", "sqlalchemy"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Our own access line carries route, duration and trace id; uvicorn's would repeat it with query strings.
    logging.getLogger("uvicorn.access").disabled = True
    for chatty in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _add_context(service: str) -> structlog.types.Processor:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("service", service)
        ids = current_ids()
        if ids is not None:
            event.setdefault("trace_id", ids[0])
            event.setdefault("span_id", ids[1])
        return event

    return add


def _redact_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    clean = redact_value(event)
    assert isinstance(clean, dict)
    return clean


def _render(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    first = ("time", "level", "service", "event", "job_id", "trace_id", "span_id")
    ordered = {key: event[key] for key in first if event.get(key) is not None}
    return orjson.dumps(ordered | dict(event), default=str, option=orjson.OPT_NON_STR_KEYS).decode()
