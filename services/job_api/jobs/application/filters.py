"""What a workspace's jobs can be found by."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis.database.engine import Database
from services.job_api.accounts import repository as accounts
from services.job_api.jobs.repository import in_use
from services.job_api.jobs.repository.job_rows import Row

MOST = 100


@dataclass(frozen=True)
class Filters:
    """The most used first, at most MOST of each. `creators`: subject and name; None: nobody who is a member now."""

    tags: Sequence[str]
    clients: Sequence[str]
    projects: Sequence[str]
    creators: Sequence[tuple[str, str | None]]


async def read_filters(database: Database, workspace_id: UUID) -> Filters:
    async with database.read() as tx:
        rows = await in_use.combinations(tx, workspace_id)
        creators = most_used(rows, lambda row: [row["created_by"]])
        names = await accounts.names_of(tx, workspace_id, creators)
    return Filters(
        most_used(rows, lambda row: row["tags"]), most_used(rows, lambda row: [row["client"]]),
        most_used(rows, lambda row: [row["project"]]), [(creator, names.get(creator)) for creator in creators])


def most_used(rows: Sequence[Row], values: Callable[[Row], Iterable[str]]) -> list[str]:
    """By how many jobs have them, then by name."""
    found: Counter[str] = Counter()
    for row in rows:
        for value in values(row):
            found[value] += row["jobs"]
    return sorted(filter(None, found), key=lambda value: (-found[value], value))[:MOST]
