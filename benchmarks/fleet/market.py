"""What the provider does to the fleet: takes spot machines back, runs out of machines, and fails at stated rates."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from benchmarks.fleet.pace import Pace
from benchmarks.fleet.pool import Pool
from tests.fake_runpod.account import Account
from tests.fake_runpod.faults import Chances, CreateFault
from tests.fake_runpod.options import Options
from tests.fake_runpod.pods import FakePod

_TICK_S = 0.1
_NOTICE_S = 5.0
_SOLD_OUT_EVERY_S, _SOLD_OUT_S = 1800.0, 120.0
# Shares of the calls, or of the new machines.
FAULTS = {
    "create: made, but the answer is lost": 0.02,
    "create: made, but the answer is 500": 0.02,
    "create: not made, 502": 0.03,
    "create: made twice under one name": 0.01,
    "delete: 500": 0.05,
    "any call: 503": 0.01,
    "any call: 429, wait 1 s": 0.002,
    "machine says RUNNING and is dead": 0.02,
}


@dataclass(frozen=True)
class Loss:
    """A spot machine that was taken. `at` in Unix seconds."""

    pod_name: str
    at: float
    notice_s: float


def fleet_options(folder: Path, pace: Pace, pool: Pool) -> Options:
    """Lists lag by 20 simulated seconds, as the provider's do."""
    return Options(
        folder, container=pool.container, provisioning_s=pace.real(pace.provisioning_s),
        starting_s=pace.real(pace.starting_s), list_lag_s=pace.real(20), deposit=1e9,
        stop_grace_s=pace.real(_NOTICE_S), keeps_exchanges=False)


def chances(seed: int) -> Chances:
    shares = list(FAULTS.values())
    kinds = (CreateFault.LOST_ANSWER, CreateFault.ERROR_AFTER, CreateFault.ERROR_BEFORE, CreateFault.TWICE)
    return Chances(Random(seed), create=dict(zip(kinds, shares, strict=False)), delete=shares[4], any_call=shares[5],
                   rate_limited=shares[6], dead=shares[7])


def stock(account: Account, scale: float, machines: int) -> None:
    """Enough of every card, at prices of the simulated clock: a real hour costs `scale` times as much."""
    for gpu in account.gpus.values():
        gpu.secure_usd *= scale
        gpu.spot_usd = None if gpu.spot_usd is None else gpu.spot_usd * scale
        gpu.free = dict.fromkeys(gpu.free, machines)


class Market:
    """`loss_per_hour`: the share of running spot machines that is gone after a simulated hour."""

    def __init__(self, account: Account, pace: Pace, loss_per_hour: float, seed: int) -> None:
        self._account, self._pace, self._random = account, pace, Random(seed)
        self._hazard = -math.log(1 - loss_per_hour) / 3600 * pace.scale * _TICK_S
        self._reclaiming = set[asyncio.Task[None]]()
        self.losses: list[Loss] = []

    async def take_machines(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(_TICK_S)
            for pod in list(self._account.pods.values()):
                if pod.spot and pod.status == "RUNNING" and pod.exists and self._random.random() < self._hazard:
                    self._take(pod)

    async def sell_out(self) -> None:
        """For ever: every half hour nobody gets a machine for two minutes."""
        while True:
            await asyncio.sleep(self._pace.real(_SOLD_OUT_EVERY_S))
            out = timedelta(seconds=self._pace.real(_SOLD_OUT_S))
            self._account.faults.no_capacity_until = self._account.now() + out

    def _take(self, pod: FakePod) -> None:
        notice_s = self._random.choice((_NOTICE_S, 0.0))
        self.losses.append(Loss(pod.name, self._account.now().timestamp(), notice_s))
        task = asyncio.ensure_future(self._account.reclaim(pod.id, self._pace.real(notice_s)))
        self._reclaiming.add(task)
        task.add_done_callback(self._reclaiming.discard)
