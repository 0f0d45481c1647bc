"""Machines by our names, out of the lists of Jobs and pods."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from services.provisioner.adapters.kubernetes.client import KubernetesClient
from services.provisioner.adapters.kubernetes.configuration import Configuration
from services.provisioner.adapters.kubernetes.documents import Job, Pod
from services.provisioner.adapters.kubernetes.manifests import NAME, noted_price, selector
from services.provisioner.adapters.kubernetes.sightings import Phase, Sighting, newest, sighting
from services.provisioner.domain.names import parse_pod_name
from services.provisioner.domain.prices import UNPRICED, MachinePrice
from services.provisioner.ports import Lifetime, Machine, MachineState

_MOST_REMEMBERED = 5_000
_STATES = {Phase.UNPLACED: MachineState.STARTING, Phase.STARTING: MachineState.STARTING,
           Phase.RUNNING: MachineState.RUNNING, Phase.EXITED: MachineState.EXITED}


@dataclass(frozen=True)
class Held:
    """What there is of one name. Without a Job a pod has lost its owner; without a pod there is none yet, or none any
    more. `at`: when it was so, by the server's clock."""

    name: str
    job: Job | None
    pods: tuple[Pod, ...]
    at: datetime
    seen: Sighting

    @property
    def id(self) -> str:
        return self.job.metadata.uid if self.job else self.pods[0].metadata.uid

    @property
    def is_ending(self) -> bool:
        objects = [self.job] if self.job else list(self.pods)
        return all(one.metadata.deletion_timestamp is not None for one in objects)

    @property
    def is_withdrawn(self) -> bool:
        """It ends without ever having been anywhere: no machine."""
        return self.is_ending and self.seen.phase is Phase.UNPLACED

    def price(self) -> MachinePrice:
        return noted_price(self.job.metadata.annotations) if self.job else UNPRICED


@dataclass
class Remembered:
    """Of a machine that was on a node. `ended_at`: it is gone, or its container has ended. `shown_at`: when a question
    was put whose answer showed it, by this process's clock."""

    id: str
    began_at: datetime
    price: MachinePrice
    ended_at: datetime | None = None
    shown_at: float = 0.0
    words: str = ""


class Inventory:
    """What is remembered here answers what a cluster forgets: when a deleted machine began and ended."""

    def __init__(self, client: KubernetesClient, configuration: Configuration) -> None:
        self._client, self._configuration = client, configuration
        self._remembered: dict[str, Remembered] = {}
        self._listed: dict[str, Held] = {}
        self._listed_at = float("-inf")
        self._listing = asyncio.Lock()

    async def all(self) -> dict[str, Held]:
        """This installation's machines by name. Asked once for everybody who waits."""
        oldest = time.monotonic() - self._configuration.list_max_age_s
        async with self._listing:
            if self._listed_at < oldest:
                began = time.monotonic()
                self._listed = await self._read("")
                self._listed_at = began
            return self._listed

    async def find(self, name: str, *, fresh: bool = False) -> Held | None:
        """None: there is none, and nothing of it costs anything."""
        return (await self._read(name)).get(name) if fresh else (await self.all()).get(name)

    def forget_list(self) -> None:
        """Something was changed: what was read before does not count."""
        self._listed_at = float("-inf")

    def lifetime(self, name: str) -> Lifetime | None:
        known = self._remembered.get(name)
        return None if known is None else Lifetime(known.began_at, known.ended_at, known.price)

    def ended(self, name: str) -> Machine | None:
        """One that was here and is gone."""
        known = self._remembered.get(name)
        if known is None or known.ended_at is None:
            return None
        return Machine(name, known.id, MachineState.EXITED, known.began_at, exited_at=known.ended_at,
                       reason="it has ended", price=known.price)

    def machine(self, held: Held) -> Machine:
        """A node is held, and paid for, from the moment it took the pod: while the image is pulled too."""
        seen, known = held.seen, self._remembered.get(held.name)
        words = known.words if known is not None and not held.pods else ""
        return Machine(
            held.name, held.id, _STATES[seen.phase], seen.placed_at, seen.placed_at if seen.began else None,
            seen.exit_code, seen.exited_at, words or seen.words, held.price(), seen.out_of_memory)

    async def _read(self, name: str) -> dict[str, Held]:
        """Jobs before pods: a pod whose Job is missing has lost it."""
        asked, chosen = time.monotonic(), selector(self._configuration, name)
        jobs = {job.metadata.name: job for job in await self._client.list_jobs(chosen)}
        pods, at = await self._client.list_pods(chosen)
        named: dict[str, list[Pod]] = defaultdict(list)
        for pod in pods:
            named[pod.metadata.labels.get(NAME, "")].append(pod)
        found = {one: self._held(one, jobs.get(one), named.get(one, []), at) for one in {*jobs, *named}
                 if parse_pod_name(one)}
        for one in {name} if name else set(self._remembered):
            if one not in found:
                self._end(one, at, asked)
        for held in found.values():
            self._remember(held, asked)
        return found

    def _held(self, name: str, job: Job | None, pods: list[Pod], at: datetime) -> Held:
        return Held(name, job, tuple(pods), at,
                    sighting(job, newest(pods), at, self._configuration.image_wait_s))

    def _remember(self, held: Held, asked: float) -> None:
        seen = held.seen
        known = self._remembered.get(held.name)
        if seen.placed_at is not None:
            if known is None or known.id != held.id:
                known = self._remembered[held.name] = Remembered(held.id, seen.placed_at, held.price())
                while len(self._remembered) > _MOST_REMEMBERED:
                    del self._remembered[next(iter(self._remembered))]
            known.began_at = seen.placed_at
        if known is not None:
            ended_at = max(seen.exited_at or known.ended_at or held.at, known.began_at)
            known.shown_at, known.ended_at = asked, ended_at if seen.gave_back else None
            known.words = seen.words if held.pods else known.words

    def _end(self, name: str, at: datetime, asked: float) -> None:
        """It is not in this answer. One whose question was put before the machine was shown says nothing."""
        known = self._remembered.get(name)
        if known is not None and known.shown_at < asked:
            known.ended_at = known.ended_at or max(at, known.began_at)
