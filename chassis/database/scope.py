"""Whose rows the statements of the present task may see: one workspace's, or - said aloud - every workspace's.

PostgreSQL itself holds it (`chassis.database.row_security`): a filter that was forgotten finds nothing of others.
Without either, a service's tenant role sees no workspace's rows at all. Tasks begin with the scope of who made them.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Literal, ParamSpec, TypeVar
from uuid import UUID

Every = Literal["every"]
P = ParamSpec("P")
R = TypeVar("R")

_scope: ContextVar[UUID | Every | None] = ContextVar("workspace_scope", default=None)


def current() -> UUID | Every | None:
    return _scope.get()


@contextmanager
def one_workspace(workspace_id: UUID) -> Iterator[None]:
    """For a block that serves one workspace."""
    before = _scope.set(workspace_id)
    try:
        yield
    finally:
        _scope.reset(before)


@contextmanager
def every_workspace() -> Iterator[None]:
    """For what belongs to no workspace, or to all: by nature, not for convenience. Uses the service's own role."""
    before = _scope.set("every")
    try:
        yield
    finally:
        _scope.reset(before)


def enter_workspace(workspace_id: UUID) -> None:
    """For the rest of the task: a request whose caller has just become known."""
    _scope.set(workspace_id)


def in_every_workspace(run: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """A coroutine function that runs in `every_workspace()`."""

    @wraps(run)
    async def running(*arguments: P.args, **options: P.kwargs) -> R:
        with every_workspace():
            return await run(*arguments, **options)

    return running
