"""The one place where PostgreSQL is told whose rows a connection of the tenant role may see.

A transaction names its workspace for itself (SET LOCAL). A read outside of any would pay for that with three round
trips instead of one: its connection keeps the workspace of the read before and is told only of another one - before
every use, "nobody" included, so that what a pool hands out never shows what its last user saw.
"""

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database import scope
from chassis.database.row_policies import SETTING

_NOBODY = ""
_LOCAL = text(f"SELECT set_config('{SETTING}', :workspace, true)")
_SESSION = f"SELECT set_config('{SETTING}', $1, false)"


class ScopedConnection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """Remembers what its session shows. Needs a session of its own: a pooler between must not share it."""

    __slots__ = ("_shown",)

    async def show_current(self) -> None:
        """Before each read: the rows of the present scope, and no others."""
        wanted = _workspace()
        if getattr(self, "_shown", _NOBODY) == wanted:
            return
        self._shown: str | None = None  # whatever becomes of the next line, nobody may rely on it
        await self.execute(_SESSION, wanted)
        self._shown = wanted


async def show_in_transaction(connection: AsyncConnection) -> None:
    """Until it ends: the rows of the present scope, and no others."""
    if wanted := _workspace():
        await connection.execute(_LOCAL, {"workspace": wanted})


def _workspace() -> str:
    found = scope.current()
    return _NOBODY if found is None or found == "every" else str(found)
