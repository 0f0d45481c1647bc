"""The account: its pods, its money, its volumes, and the provider's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.fake_runpod.catalog import default_gpus
from tests.fake_runpod.faults import Faults
from tests.fake_runpod.options import Options
from tests.fake_runpod.pods import ENDED, FakePod
from tests.fake_runpod.reclaim import Reclaim, due

NO_INSTANCES = ("There are no longer any instances available with the requested specifications. "
                "Please refresh and try again.")


class Refused(Exception):
    def __init__(self, status: int, detail: str, errors: list[str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors


class Account:
    def __init__(self, options: Options) -> None:
        self.options, self.faults = options, Faults()
        self.gpus, self.volumes = default_gpus(), dict[str, dict[str, Any]]()
        self.pods: dict[str, FakePod] = {}
        self.deposit = options.deposit
        self._ahead, self._tasks = timedelta(), set[asyncio.Task[None]]()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Let the provider's clock and its bills run on."""
        self._ahead += timedelta(seconds=seconds)

    @property
    def balance(self) -> float:
        return self.deposit - sum(pod.bill(self.now()) for pod in self.pods.values())

    def named(self, name: str) -> list[FakePod]:
        """Existing pods of this name, the oldest first."""
        return [pod for pod in self.pods.values() if pod.name == name and pod.exists]

    def sold_out(self) -> bool:
        until = self.faults.no_capacity_until
        return until is not None and self.now() < until

    def create(self, order: dict[str, Any], *, spot_bid: float | None = None) -> FakePod:
        """Raises Refused."""
        gpu_id = order["gpu"]["id"]
        if gpu_id in self.faults.forbidden_gpus:
            raise Refused(403, "your account cannot access this GPU pool")
        if self.faults.broken_rule:
            raise Refused(400, self.faults.broken_rule)
        if gpu_id not in self.gpus:
            raise Refused(400, f"unknown GPU type {gpu_id}")
        gpu = self.gpus[gpu_id]
        price = gpu.secure_usd if spot_bid is None else spot_bid
        if self.balance < price:
            raise Refused(402, "insufficient balance: at least one hour of credit is needed")
        place = None if self.sold_out() else gpu.place(self._places(order), order["gpu"].get("minCudaVersion"))
        if place is None or (spot_bid is not None and (gpu.spot_usd is None or spot_bid < gpu.spot_usd)):
            raise Refused(400, NO_INSTANCES)
        gpu.free[place] -= 1
        return self._start(order, price, place, spot=spot_bid is not None)

    def terminate(self, pod_id: str) -> None:
        pod = self.pods[pod_id]
        pod.deleted_at = self.now()
        self._spawn(self._end(pod, "TERMINATED", self.options.stop_grace_s))

    async def reclaim(self, pod_id: str, notice_s: float) -> None:
        """Take a spot machine back: SIGTERM, SIGKILL `notice_s` later. The pod stays in the list, EXITED."""
        await self._end(self.pods[pod_id], "EXITED", notice_s)

    def run_out_of_money(self) -> None:
        """The balance is empty: pods without a network volume are deleted."""
        self.deposit -= self.balance
        for pod in list(self.pods.values()):
            if pod.exists and not pod.order.get("mounts", {}).get("network"):
                self.terminate(pod.id)

    def listed(self) -> list[FakePod]:
        lag, now = timedelta(seconds=self.options.list_lag_s), self.now()
        return [pod for pod in self.pods.values() if pod.created_at + lag <= now
                and (pod.deleted_at is None or now < pod.deleted_at + lag)]

    async def close(self) -> None:
        await asyncio.gather(*(pod.container.stop(0) for pod in self.pods.values()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _places(self, order: dict[str, Any]) -> list[str]:
        """A network volume binds the pod to its data center."""
        wanted = list(order.get("dataCenterIds", []))
        for place in wanted:
            if place not in next(iter(self.gpus.values())).free:
                raise Refused(400, f"unknown data center {place}")
        for mount in order.get("mounts", {}).get("network", []):
            volume = self.volumes.get(mount["volumeId"])
            if volume is None:
                raise Refused(404, "network volume not found")
            wanted = [volume["dataCenter"]] if not wanted or volume["dataCenter"] in wanted else ["nowhere"]
        return wanted

    def _start(self, order: dict[str, Any], price: float, place: str, *, spot: bool) -> FakePod:
        pod_id = uuid4().hex[:14]
        folder = self.options.folder / pod_id
        folder.mkdir(parents=True)
        pod = FakePod(pod_id, order, price, place, self.now(), self.options.new_container(folder), spot,
                      dead=self.faults.next_is_dead())
        pod.env = {**order.get("env", {}), "RUNPOD_POD_ID": pod_id, "RUNPOD_DC_ID": place,
                   "RUNPOD_API_KEY": pod.api_key}
        self.pods[pod_id] = pod
        self._spawn(self._live(pod))
        if self.faults.reclaim:
            self._spawn(self._reclaim_when_due(pod, self.faults.reclaim.pop(0)))
        return pod

    async def _live(self, pod: FakePod) -> None:
        await asyncio.sleep(self.options.provisioning_s)
        if pod.status == "PROVISIONING":
            pod.status = "STARTING"
        await asyncio.sleep(self.options.starting_s)
        if pod.status != "STARTING" or not pod.exists:
            return
        if not pod.dead:
            await pod.container.start(pod.env)
        if not pod.exists:
            await pod.container.stop(0)
            return
        pod.status, pod.started_at = "RUNNING", self.now()
        if pod.container.pid is not None:
            await pod.container.wait()
            await self._end(pod, "EXITED", 0)

    async def _reclaim_when_due(self, pod: FakePod, reclaim: Reclaim) -> None:
        await due(reclaim, pod.container)
        await self.reclaim(pod.id, reclaim.notice_s)

    async def _end(self, pod: FakePod, status: str, grace_s: float) -> None:
        if pod.ended_at is None:
            pod.ended_at = self.now()
            self.gpus[pod.order["gpu"]["id"]].free[pod.data_center] += 1
        if status == "TERMINATED" or pod.status not in ENDED:
            pod.status = status
        await pod.container.stop(grace_s)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
