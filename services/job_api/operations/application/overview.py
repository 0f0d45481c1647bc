"""Everything that whoever runs the installation looks at, asked at the same time; what does not answer is unknown."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from chassis.database.engine import Database
from chassis.database.scope import every_workspace
from chassis.messaging.dead_letters import DeadLetter, DeadLetters
from chassis.problems import ProblemError
from contracts.rpc import pods
from contracts.rpc.health import HEALTH, HealthQuery, ServiceHealth
from contracts.rpc.pods import Leaks, LeaksQuery, Machine, MachinesQuery
from services.job_api.operations import repository
from services.job_api.operations.domain import JobOwner, QueueOfWorkspace
from services.job_api.ports import RpcClient

LEAKS_OF = timedelta(days=30)
DEAD_LETTERS_SHOWN = 20
# A health check may take three seconds, and they run at the same time.
_HEALTH_TIMEOUT_S = 4.0
AnswerT = TypeVar("AnswerT")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class DeadLettersSeen:
    """The oldest of all that there are."""

    total: int
    oldest: Sequence[DeadLetter]


@dataclass(frozen=True)
class Overview:
    """A part is None when it could not be asked; `unavailable` says why, by its name."""

    services: Mapping[str, ServiceHealth | None]
    machines: Sequence[Machine] | None
    owners: Mapping[UUID, JobOwner]
    leaks: Leaks | None
    dead_letters: DeadLettersSeen | None
    queues: Sequence[QueueOfWorkspace] | None
    as_of: datetime
    unavailable: Mapping[str, str]

    @property
    def knows_owners(self) -> bool:
        """Whether a job without an owner is one that nobody knows."""
        return "owners" not in self.unavailable


@dataclass(frozen=True)
class Operations:
    """`own_health`: of this service, which asks itself without the broker."""

    database: Database
    rpc: RpcClient
    dead_letters: DeadLetters
    own_health: Callable[[], Awaitable[ServiceHealth]]

    async def overview(self, now: datetime) -> Overview:
        missing: dict[str, str] = {}
        services, machines, leaks, letters, queues = await asyncio.gather(
            self._services(missing), _asked("machines", self._machines(now), missing),
            _asked("leaks", self.rpc.request(pods.LEAKS, LeaksQuery(since=now - LEAKS_OF)), missing),
            _asked("dead_letters", self._dead_letters(), missing), _asked("queue", self._queues(), missing))
        owners = await _asked("owners", self._owners(machines or ()), missing)
        return Overview(services, machines, owners or {}, leaks, letters, queues, now, missing)

    async def _services(self, missing: dict[str, str]) -> dict[str, ServiceHealth | None]:
        questions = {"job_api": self.own_health()} | {
            service: self.rpc.request(rpc, HealthQuery(), _HEALTH_TIMEOUT_S) for service, rpc in HEALTH.items()}
        answers = await asyncio.gather(*(_asked(name, asked, missing) for name, asked in questions.items()))
        return dict(zip(questions, answers, strict=True))

    async def _machines(self, now: datetime) -> list[Machine]:
        """Those that are not known to be gone."""
        found: list[Machine] = []
        after: str | None = ""
        while after is not None:
            page = await self.rpc.request(pods.MACHINES, MachinesQuery(since=now, after=after))
            found += [machine for machine in page.machines if machine.terminated_at is None]
            after = page.next_after
        return found

    async def _dead_letters(self) -> DeadLettersSeen:
        oldest = await self.dead_letters.list(limit=DEAD_LETTERS_SHOWN)
        return DeadLettersSeen(await self.dead_letters.count(), oldest)

    async def _queues(self) -> list[QueueOfWorkspace]:
        with every_workspace():
            async with self.database.read() as tx:
                return await repository.queues(tx)

    async def _owners(self, machines: Sequence[Machine]) -> dict[UUID, JobOwner]:
        with every_workspace():
            async with self.database.read() as tx:
                return await repository.owners(tx, {machine.job_id for machine in machines})


async def _asked(name: str, answer: Awaitable[AnswerT], missing: dict[str, str]) -> AnswerT | None:
    """None without an answer; whoever looks after the installation is shown the rest."""
    try:
        return await answer
    except ProblemError as error:
        missing[name] = error.detail
    except Exception as error:
        log.warning("operations_part_unknown", part=name, error=repr(error))
        missing[name] = "It does not answer; the service's log says why."
    return None
