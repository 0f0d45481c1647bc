"""One pod: what was ordered, how it fares, and what it has cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from tests.fake_runpod.process import Container

ACTIONS = {"PROVISIONING": ["stop", "terminate"], "STARTING": ["stop", "terminate"],
           "RUNNING": ["stop", "restart", "terminate"], "EXITED": ["start", "terminate"],
           "ERROR": ["start", "terminate"], "TERMINATED": []}
ENDED = ("EXITED", "ERROR", "TERMINATED")


@dataclass
class FakePod:
    """`hourly_usd` is what it costs from `created_at` on; `ended_at`: since then it costs nothing."""

    id: str
    order: dict[str, Any]
    hourly_usd: float
    data_center: str
    created_at: datetime
    container: Container
    spot: bool = False
    # It says RUNNING and nothing runs in it.
    dead: bool = False
    status: str = "PROVISIONING"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deleted_at: datetime | None = None
    env: dict[str, str] = field(default_factory=dict)
    # What it is given in `RUNPOD_API_KEY`: good for itself only.
    api_key: str = field(default_factory=lambda: f"rpa_{uuid4().hex}")

    @property
    def name(self) -> str:
        return str(self.order["name"])

    @property
    def exists(self) -> bool:
        return self.deleted_at is None

    def seconds(self, now: datetime) -> float:
        return max(0.0, ((self.ended_at or now) - self.created_at).total_seconds())

    def bill(self, now: datetime) -> float:
        return self.hourly_usd * self.seconds(now) / 3600

    def describe(self, now: datetime) -> dict[str, Any]:
        """As the REST API shows it."""
        order = self.order
        uptime = int((now - self.started_at).total_seconds()) if self.started_at else 0
        return {
            "id": self.id, "name": self.name, "image": order.get("image", ""), "args": order.get("args", ""),
            "disk": order.get("disk", 50), "ports": order.get("ports", []), "env": self.env,
            "registry": order.get("registry"), "status": self.status, "actions": ACTIONS[self.status],
            "mounts": order.get("mounts", {}), "gpu": {"id": order["gpu"]["id"], "count": 1}, "cloud": "SECURE",
            "dataCenterId": self.data_center, "cudaVersion": "13.0", "ssh": {"proxy": None, "direct": None},
            "template": None, "cost": 0.0 if self.status in ENDED else self.hourly_usd, "locked": False,
            "globalNetworking": {"enabled": False},
            "runtime": {"uptime": uptime} if self.status == "RUNNING" else None,
            "createdAt": _moment(self.created_at), "startedAt": _moment(self.started_at) if self.started_at else None}


def _moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
