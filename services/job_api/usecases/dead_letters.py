"""Dead letters within what a caller may see."""

import json
from typing import Any

from chassis.database.engine import Database
from chassis.messaging.dead_letters import DeadLetter, DeadLetters
from chassis.problems import NotFound, ProblemError, ServiceUnavailable
from services.job_api.edge.auth import Principal
from services.job_api.operator import is_operator

_BATCH = 100


async def page(
    database: Database, letters: DeadLetters, principal: Principal, *, limit: int, after: int
) -> list[DeadLetter]:
    """At most `limit` visible letters after sequence `after`, oldest first."""
    sees_all = await is_operator(database, principal)
    found: list[DeadLetter] = []
    while len(found) < limit:
        batch = await letters.list(limit=_BATCH, after=after)
        found += [letter for letter in batch if sees_all or _is_about(letter, principal)]
        if len(batch) < _BATCH:
            break
        after = batch[-1].sequence
    return found[:limit]


async def show(database: Database, letters: DeadLetters, principal: Principal, sequence: int) -> DeadLetter:
    """Raises NotFound, for another workspace's letter as well."""
    letter = await letters.show(sequence)
    if not _is_about(letter, principal) and not await is_operator(database, principal):
        raise NotFound(f"There is no dead letter {sequence}.", code="dead_letter_not_found",
                       suggested_fix="List the dead letters again: it may have been replayed already.")
    return letter


async def replay_all(database: Database, letters: DeadLetters, principal: Principal) -> dict[str, Any]:
    """Replay what lies there now; a letter that dies again gets a new number and is not replayed twice."""
    replayed: list[int] = []
    failed: list[int] = []
    for letter in await _everything(database, letters, principal):
        try:
            await letters.replay(letter.sequence)
            replayed.append(letter.sequence)
        except ServiceUnavailable:
            raise
        except ProblemError:  # somebody else replayed it in between
            failed.append(letter.sequence)
    return {"object": "replay", "replayed": replayed, "failed": failed}


async def _everything(database: Database, letters: DeadLetters, principal: Principal) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    while batch := await page(database, letters, principal, limit=_BATCH, after=found[-1].sequence if found else 0):
        found += batch
    return found


def _is_about(letter: DeadLetter, principal: Principal) -> bool:
    try:
        return bool(json.loads(letter.data)["data"]["workspace_id"] == str(principal.workspace_id))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
