"""Pods by our names, out of a list that lags and allows a name twice."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from services.provisioner.adapters.runpod.client import RunPodClient
from services.provisioner.adapters.runpod.configuration import Configuration
from services.provisioner.adapters.runpod.documents import Pod
from services.provisioner.domain.names import parse_pod_name
from services.provisioner.domain.prices import MachinePrice, cost_micro_usd, micro_usd_per_hour
from services.provisioner.ports import AskLater, Lifetime, ProviderError

_log = structlog.get_logger(__name__)

_MOST_REMEMBERED = 5_000
# The container has ended; RunPod bills the pod no more, though it still exists.
EXITED = ("EXITED", "ERROR")


@dataclass
class Remembered:
    """A pod whose id is known. `seen`: the provider has shown it, so that its absence means its end. `exited_at`: when
    it was first shown as ended; it costs nothing from then on. `usd_per_hour`: its price while it ran."""

    name: str
    began_at: datetime
    ended_at: datetime | None = None
    exited_at: datetime | None = None
    usd_per_hour: float | None = None
    card: str = ""
    seen: bool = False
    asked_at: float = float("-inf")
    answer: Pod | None = None


class Inventory:
    """What is remembered here only saves questions and answers some that RunPod does not (when a pod ended): another
    process, or this one after a restart, finds the same pods by their names."""

    def __init__(self, client: RunPodClient, configuration: Configuration) -> None:
        self._client, self._configuration = client, configuration
        self._remembered: dict[str, Remembered] = {}
        self._doubtful: dict[str, float] = {}
        self._listed: dict[str, Pod] = {}
        self._listed_at = float("-inf")
        self._listing = asyncio.Lock()
        self._losses: list[int] = []

    async def pods(self, *, fresh: bool = False) -> dict[str, Pod]:
        """This installation's pods by name, one for each. Asked once for everybody who waits."""
        oldest = time.monotonic() - (0.0 if fresh else self._configuration.list_max_age_s)
        async with self._listing:
            if self._listed_at < oldest:
                began = time.monotonic()
                self._listed = await self._one_each(await self._client.list_pods())
                self._listed_at = began
            return self._listed

    async def find(self, name: str, *, fresh: bool = False) -> Pod | None:
        """None: there is none, as far as the list goes. One whose id is known is asked for by its id as well."""
        listed = (await self.pods(fresh=fresh)).get(name)
        if listed is not None and not self._has_ended(listed.id):
            return listed
        for pod_id in self._ids(name):
            asked = not self._has_ended(pod_id) or (listed is not None and pod_id == listed.id)
            if asked and (pod := await self._by_id(pod_id, fresh=fresh)) is not None:
                return pod
        return None

    async def delete(self, name: str) -> None:
        """Every pod of this name. Raises ProviderError when one of them may still exist."""
        listed = (await self.pods()).get(name)
        if listed is not None:
            self._see(listed)
        for pod_id in self._ids(name):
            if not self._has_ended(pod_id) or (listed is not None and listed.id == pod_id):
                self._end(pod_id, await self._client.delete_pod(pod_id))
        self.forget_list()

    def lifetime(self, name: str) -> Lifetime | None:
        """Over all pods that had the name, from the first beginning to the last end."""
        lives = [self._remembered[pod_id] for pod_id in self._ids(name)]
        if not lives:
            return None
        ends = [life.exited_at or life.ended_at for life in lives]
        ended_at = None if None in ends else max(end for end in ends if end is not None)
        first = min(lives, key=lambda life: life.began_at)
        return Lifetime(first.began_at, ended_at, MachinePrice(first.card, micro_usd_per_hour(first.usd_per_hour)))

    def take_losses(self) -> list[int]:
        """What second pods of a name have cost, since this was asked last."""
        taken, self._losses = self._losses, []
        return taken

    def usd_per_hour(self, pod_id: str) -> float | None:
        """What the pod costs, or cost until its end; None: that was never seen."""
        known = self._remembered.get(pod_id)
        return known.usd_per_hour if known else None

    def add(self, name: str, pod_id: str, began_at: datetime, usd_per_hour: float | None) -> None:
        """One that was just made."""
        self._remembered.setdefault(pod_id, Remembered(name, began_at, usd_per_hour=usd_per_hour))
        while len(self._remembered) > _MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self.forget_list()

    def forget_list(self) -> None:
        """Something was changed: what was read before does not count."""
        self._listed_at = float("-inf")
        for known in self._remembered.values():
            known.asked_at = float("-inf")

    def doubt(self, name: str) -> None:
        """A create is under way: from now on there may be a pod that is not listed yet."""
        self._doubtful[name] = time.monotonic() + self._configuration.list_lag_s

    def no_doubt(self, name: str) -> None:
        """The create was refused: there is no pod."""
        self._doubtful.pop(name, None)

    def check_doubt(self, name: str) -> None:
        """Raises AskLater while a pod may exist without being listed."""
        left_s = self._doubtful.get(name, 0.0) - time.monotonic()
        if left_s > 0:
            raise AskLater("RunPod may have made the machine; waiting until its list must show it", left_s)
        self.no_doubt(name)

    async def _one_each(self, pods: Iterable[Pod]) -> dict[str, Pod]:
        """The oldest of each name; the others are removed. Everybody who looks chooses the same one. What is not named
        after a job is another installation's (`brightrun-staging`), or a person's."""
        named: dict[str, list[Pod]] = defaultdict(list)
        for pod in sorted(pods, key=lambda pod: (pod.created_at, pod.id)):
            name = pod.name.removeprefix(self._configuration.prefix)
            if name != pod.name and parse_pod_name(name) and pod.status != "TERMINATED":
                named[name].append(pod)
                self._see(pod)
        for name, (_, *others) in named.items():
            for other in others:
                if not self._has_ended(other.id):
                    await self._remove(name, other)
        return {name: same[0] for name, same in named.items()}

    async def _remove(self, name: str, pod: Pod) -> None:
        _log.warning("runpod_second_pod_removed", pod=name, provider_pod_id=pod.id)
        try:
            self._end(pod.id, await self._client.delete_pod(pod.id))
            self._losses.append(self._cost(pod.id))
        except ProviderError as error:
            _log.warning("runpod_second_pod_not_removed", provider_pod_id=pod.id, error=str(error))

    def _cost(self, pod_id: str) -> int:
        known = self._remembered[pod_id]
        seconds = ((known.exited_at or known.ended_at or known.began_at) - known.began_at).total_seconds()
        return cost_micro_usd(micro_usd_per_hour(known.usd_per_hour) or 0, seconds)

    async def _by_id(self, pod_id: str, *, fresh: bool) -> Pod | None:
        known = self._remembered[pod_id]
        if fresh or known.asked_at < time.monotonic() - self._configuration.list_max_age_s:
            known.asked_at, known.answer = time.monotonic(), await self._read(pod_id, known)
        return known.answer

    async def _read(self, pod_id: str, known: Remembered) -> Pod | None:
        found = await self._client.get_pod(pod_id)
        if isinstance(found, Pod) and found.status != "TERMINATED":
            # A pod by its id is shown as it is; the list may lag.
            known.ended_at = None
            known.exited_at = known.exited_at if found.status in EXITED else None
            self._see(found)
            return found
        if known.seen:
            self._end(pod_id, datetime.now(UTC) if isinstance(found, Pod) else found)
        return None

    def _see(self, pod: Pod) -> None:
        name = pod.name.removeprefix(self._configuration.prefix)
        known = self._remembered.setdefault(pod.id, Remembered(name, pod.created_at))
        known.began_at, known.seen = pod.created_at, True
        known.usd_per_hour = pod.cost or known.usd_per_hour
        known.card = pod.gpu.id if pod.gpu else known.card
        if pod.status in EXITED:
            known.exited_at = known.exited_at or max(pod.shown_at or pod.created_at, pod.created_at)

    def _end(self, pod_id: str, at: datetime) -> None:
        known = self._remembered[pod_id]
        # The provider's Date header has whole seconds.
        known.ended_at = known.ended_at or max(at, known.began_at)

    def _has_ended(self, pod_id: str) -> bool:
        return pod_id in self._remembered and self._remembered[pod_id].ended_at is not None

    def _ids(self, name: str) -> list[str]:
        return [pod_id for pod_id, known in self._remembered.items() if known.name == name]
