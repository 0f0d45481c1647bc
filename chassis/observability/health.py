"""Liveness and readiness with one line per check, so that a person sees which part is down and what to do."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chassis import tls
from chassis.observability.logs import redact

Status = Literal["ok", "degraded", "failed"]
_CHECK_TIMEOUT_S = 3.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`detail` says what is wrong in words; `value` is the measured figure, if there is one."""

    status: Status = "ok"
    detail: str = ""
    value: float | None = None


OK = CheckResult()
Check = Callable[[], Awaitable[CheckResult | None]]


class Health:
    """The checks of one service. Not ready before `started`, and not ready again while it drains."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.started = False
        self.draining = False
        self.waiting_for = "start"
        self._checks: dict[str, tuple[Check, bool]] = {}
        self.last: dict[str, Any] = {}

    def add(self, name: str, check: Check, *, critical: bool = True) -> None:
        """`check` returns a CheckResult (None means ok) or raises. A failing check that is not critical
        (a cache: the service is only slower) is shown as degraded and leaves the service ready."""
        self._checks[name] = check, critical

    async def ready(self) -> tuple[bool, dict[str, Any]]:
        """(ready, document). Checks run at the same time, each with a limit of 3 s."""
        if self.draining:
            return False, self._document("draining", {})
        if not self.started:
            return False, self._document("starting", {}) | {"waiting_for": self.waiting_for}
        names = list(self._checks)
        outcomes = await asyncio.gather(*(self._run(name) for name in names))
        checks = dict(zip(names, outcomes, strict=True))
        ready, self.last = all(outcome["status"] != "failed" for outcome in outcomes), checks
        return ready, self._document("ready" if ready else "unready", checks)

    async def _run(self, name: str) -> dict[str, Any]:
        check, critical = self._checks[name]
        began = time.monotonic()
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                result = await check() or OK
        except TimeoutError:
            result = CheckResult("failed", f"no answer within {_CHECK_TIMEOUT_S:g} s")
        except Exception as error:
            log.debug("health_check_failed", check=name, error=repr(error))
            words = tls.reason(error) or f"{type(error).__name__}: {error}"
            result = CheckResult("failed", redact(words)[:300])
        status = "degraded" if result.status == "failed" and not critical else result.status
        document: dict[str, Any] = {"status": status, "duration_ms": round((time.monotonic() - began) * 1000, 1)}
        if result.detail:
            document["detail"] = result.detail
        if result.value is not None:
            document["value"] = result.value
        return document

    def _document(self, status: str, checks: dict[str, Any]) -> dict[str, Any]:
        return {"status": status, "service": self.service, "checks": checks}


class HealthCollector(Collector):
    """The outcome of the last look at each check."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "brightrun_health_check_ok", "1 while the check finds nothing wrong", labels=["check"])
        for name, outcome in self._health.last.items():
            family.add_metric([name], float(outcome["status"] == "ok"))
        yield family
