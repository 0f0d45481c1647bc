"""The compressed clock: one real second is `scale` simulated ones. What is simulated and what stays real, in one place.

Simulated: how long machines take to start, models to load and steps to compute, how often spot machines are taken, how
long capacity is out, what a machine costs an hour. Real: every service, broker, database and network call. A wait that
the product takes from a setting is divided by `scale`; heartbeats and polls, which cost work by themselves, by less, so
that a loss is noticed later than it would be.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

ON_DEMAND_USD = 3.49


@dataclass(frozen=True)
class Pace:
    """Simulated seconds throughout; `real` makes real ones of them."""

    scale: float = 20.0
    steps: int = 120
    step_s: float = 20.0
    provisioning_s: float = 60.0
    starting_s: float = 60.0
    load_s: float = 120.0
    finish_s: float = 90.0
    checkpoint_every_s: float = 300.0

    def real(self, simulated_s: float) -> float:
        return simulated_s / self.scale

    @property
    def uninterrupted_s(self) -> float:
        """From the machine's creation to its last step, without a loss and without waiting for anybody."""
        return (self.provisioning_s + self.starting_s + self.load_s + self.steps * self.step_s + self.finish_s)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def service_settings(pace: Pace, provider_url: str, api_key: str) -> dict[str, str]:
    """What the services are told (`BRIGHTRUN_*`), each beside its setting for a cloud in real time."""
    real = pace.real
    waits = {
        "HEARTBEAT_INTERVAL_S": 2.0,  # 10
        "HEARTBEAT_TIMEOUT_S": 10.0,  # 50
        "FIRST_HEARTBEAT_TIMEOUT_S": real(180),
        "PROVISIONING_TIMEOUT_S": real(1200),
        "POLL_S": 5.0,  # 15
        "LIST_LAG_S": real(60),
        "GONE_AFTER_S": real(10),
        "CAPACITY_RETRY_S": real(15),
        "AUTO_SPOT_WAIT_S": real(600),
        "TERMINATE_POLL_S": 0.5,  # 2
        "REAP_INTERVAL_S": 2.0,  # 30
        "CALL_TIMEOUT_S": 20.0,  # 60
        "LEASE_S": 30.0,  # 90
        "FINISH_GRACE_S": 2.0,  # 10
        "CHECKPOINT_EVERY_S": real(pace.checkpoint_every_s),
        "RUNPOD_LOOK_EVERY_S": 0.5,  # 5
        "RECONCILE_INTERVAL_S": real(3600),
        "RUNPOD_MAX_USD_PER_HOUR": 6.0 * pace.scale,
    }
    named = {
        "PROVIDER": "runpod", "RUNPOD_URL": provider_url, "RUNPOD_API_KEY": api_key, "RUNPOD_IMAGE": "a-trainer",
        "CHECKPOINT_EVERY_STEPS": "100000", "LOG_LEVEL": "WARNING",
        # 0: any number. Whoever starts the jobs keeps to a number by itself.
        "MAX_ACTIVE_JOBS_PER_USER": "0", "MAX_ACTIVE_JOBS_PER_WORKSPACE": "0",
    }
    return {f"BRIGHTRUN_{name}": str(value) for name, value in (waits | named).items()}
