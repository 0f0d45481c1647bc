"""One line per request: method, route, path without query, status, duration; with the ids bound while it ran.

Written as one block every 200 ms, off the path of the requests: the library's own logging takes longer for a line than
reading a job does for its answer. What is in the buffer when the process is killed is lost; errors are logged apart.
"""

import asyncio
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.types import Scope

from chassis.observability.redaction import redact

_FLUSH_AFTER_S = 0.2
_LONGEST_BUFFER = 1_000
_LEVELS = {logging.INFO: "info", logging.ERROR: "error"}
_log = logging.getLogger("access")


class AccessLog:
    def __init__(self, service: str) -> None:
        self._service = service
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(
        self, scope: Scope, route: str, status: int, seconds: float, ids: tuple[str, str] | None,
        context: Mapping[str, Any],
    ) -> None:
        level = logging.ERROR if status >= 500 or status == 0 else logging.INFO
        if not _log.isEnabledFor(level):
            return
        line: dict[str, Any] = {
            "time": datetime.now(UTC), "level": _LEVELS[level],
            "service": self._service, "event": "request",
        }
        if ids is not None:
            line |= {"trace_id": ids[0], "span_id": ids[1]}
        if job_id := scope.get("path_params", {}).get("job_id"):
            line["job_id"] = str(job_id)
        line |= {
            "method": scope["method"], "route": route, "path": redact(scope["path"]), "status": status or "aborted",
            "duration_ms": round(seconds * 1000, 1), **context,
        }
        self._lines.append(orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE))
        self._flush_soon()

    def flush(self) -> None:
        """Write what is there. Called by the timer, and at the end of the process."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            sys.stdout.write(b"".join(self._lines).decode())
            sys.stdout.flush()
            self._lines.clear()

    def _flush_soon(self) -> None:
        if len(self._lines) >= _LONGEST_BUFFER:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_AFTER_S, self.flush)
