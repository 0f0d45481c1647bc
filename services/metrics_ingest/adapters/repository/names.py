"""Metric names as integers, so that a point is 32 bytes and not 100."""

from collections.abc import Iterable, Mapping
from typing import Any

from chassis.database.engine import Database
from services.metrics_ingest.adapters.repository.connections import writing

# Names come from pods. A pod that invents new ones for ever must not fill the dictionary without end.
MOST_NAMES = 20_000

_KNOWN = "SELECT name, metric FROM metric_names WHERE name = ANY($1)"
_NEW = """
INSERT INTO metric_names (name) SELECT unnest($1::text[])
WHERE (SELECT count(*) FROM metric_names) + $2 <= $3 ON CONFLICT DO NOTHING"""


class MetricNames:
    """The dictionary of metric names. It only grows, so what was read once stays true."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[str, int] = {}

    async def numbers(self, names: Iterable[str]) -> Mapping[str, int]:
        """Numbers of the names, given to new ones now. Names beyond the dictionary's limit are missing."""
        wanted = set(names)
        if missing := wanted - self._numbers.keys():
            await self._learn(sorted(missing))
        return {name: self._numbers[name] for name in wanted & self._numbers.keys()}

    async def _learn(self, names: list[str]) -> None:
        async with writing(self._database) as connection:
            known = await self._known(connection, names)
            if len(known) < len(names):
                await connection.execute(_NEW, names, len(names), MOST_NAMES)
                known = await self._known(connection, names)
        # after the commit: a number of a transaction that failed would be nobody's
        self._numbers |= known

    async def _known(self, connection: Any, names: list[str]) -> dict[str, int]:
        return {row["name"]: row["metric"] for row in await connection.fetch(_KNOWN, names)}
