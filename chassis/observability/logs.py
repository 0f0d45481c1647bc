"""One JSON object per line on stdout: time, level, service, event, job_id, trace_id, span_id - and no secrets."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TextIO

import orjson
import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars

from chassis.observability.redaction import redact, redact_value
from chassis.observability.tracing import current_ids

__all__ = ["bind_contextvars", "bound_contextvars", "clear_contextvars", "configure", "redact", "redact_value"]


# The ASGI scope of the request being answered: its route says which job it is about.
REQUEST: ContextVar[Mapping[str, Any]] = ContextVar("request", default=MappingProxyType({}))


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
    handler = _Stdout()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact_event, _render],
        )
    )
    root = logging.getLogger()
    plain = [old for old in root.handlers if type(old) in (_Stdout, logging.StreamHandler)]
    for old in plain:  # those of test runners and of embedding programs stay
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    _take_over_library_loggers()


class _Stdout(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stdout` is at that moment, so that a redirection later still works."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stdout


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
        if job_id := REQUEST.get().get("path_params", {}).get("job_id"):
            event.setdefault("job_id", str(job_id))
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
