"""How many event streams one process serves at once: in all, for each workspace, for each caller."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from services.job_api.jobs.errors import TooManyStreams


class StreamSlots:
    def __init__(self, total: int, per_workspace: int, per_caller: int) -> None:
        self._total, self._per_workspace, self._per_caller = total, per_workspace, per_caller
        self._workspaces: Counter[UUID] = Counter()
        self._callers: Counter[tuple[UUID, str]] = Counter()

    @property
    def taken(self) -> int:
        return self._workspaces.total()

    @contextmanager
    def slot(self, workspace_id: UUID, credential: str) -> Iterator[None]:
        """One of them, for as long as the block lasts. Raises TooManyStreams."""
        self._check(workspace_id, credential)
        self._workspaces[workspace_id] += 1
        self._callers[workspace_id, credential] += 1
        try:
            yield
        finally:
            _give_back(self._workspaces, workspace_id)
            _give_back(self._callers, (workspace_id, credential))

    def _check(self, workspace_id: UUID, credential: str) -> None:
        if self._callers[workspace_id, credential] >= self._per_caller:
            raise TooManyStreams("caller", self._per_caller)
        if self._workspaces[workspace_id] >= self._per_workspace:
            raise TooManyStreams("workspace", self._per_workspace)
        if self.taken >= self._total:
            raise TooManyStreams("server", self._total)


def _give_back(counter: Counter[Any], key: Any) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
