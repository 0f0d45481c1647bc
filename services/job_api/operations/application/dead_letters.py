"""Dead letters within what a workspace may see: the operator's all, the others those about their jobs."""

import json
from dataclasses import dataclass
from uuid import UUID

from chassis.messaging.dead_letters import DeadLetter, DeadLetters
from chassis.problems import ProblemError, ServiceUnavailable
from services.job_api.accounts.application.operators import Operators
from services.job_api.operations.errors import DeadLetterNotFound

_BATCH = 100


@dataclass(frozen=True)
class VisibleDeadLetters:
    operators: Operators
    messages: DeadLetters

    async def page(self, workspace_id: UUID, *, limit: int, after: int) -> list[DeadLetter]:
        """At most `limit` visible ones after sequence `after`, oldest first."""
        sees_all = await self.operators.include(workspace_id)
        found: list[DeadLetter] = []
        while len(found) < limit:
            batch = await self.messages.list(limit=_BATCH, after=after)
            found += [message for message in batch if sees_all or _is_about(message, workspace_id)]
            if len(batch) < _BATCH:
                break
            after = batch[-1].sequence
        return found[:limit]

    async def show(self, workspace_id: UUID, sequence: int) -> DeadLetter:
        """Raises DeadLetterNotFound, for another workspace's as well."""
        message = await self.messages.show(sequence)
        if not _is_about(message, workspace_id) and not await self.operators.include(workspace_id):
            raise DeadLetterNotFound(sequence)
        return message

    async def replay(self, workspace_id: UUID, sequence: int) -> DeadLetter:
        await self.show(workspace_id, sequence)
        return await self.messages.replay(sequence)

    async def replay_all(self, workspace_id: UUID) -> tuple[list[int], list[int]]:
        """Replay what lies there now; one that dies again gets a new number and is not replayed twice.

        Returns the sequences that were replayed, and those that somebody else replayed in between.
        """
        done: list[int] = []
        failed: list[int] = []
        for message in await self._everything(workspace_id):
            try:
                await self.messages.replay(message.sequence)
                done.append(message.sequence)
            except ServiceUnavailable:
                raise
            except ProblemError:
                failed.append(message.sequence)
        return done, failed

    async def _everything(self, workspace_id: UUID) -> list[DeadLetter]:
        found: list[DeadLetter] = []
        while batch := await self.page(workspace_id, limit=_BATCH, after=found[-1].sequence if found else 0):
            found += batch
        return found


def _is_about(message: DeadLetter, workspace_id: UUID) -> bool:
    try:
        return bool(json.loads(message.data)["data"]["workspace_id"] == str(workspace_id))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
