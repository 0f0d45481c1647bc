"""Quiet blocks of steps become segments: one row with columns for each metric, read a hundred times faster."""

from chassis.database.engine import Database
from services.metrics_ingest.adapters.repository.connections import writing
from services.metrics_ingest.adapters.repository.segments import pack_block, take_quiet_block
from services.metrics_ingest.metrics import BLOCKS_PACKED


class Packer:
    """Any number of replicas may pack: each block is locked by the one that packs it."""

    def __init__(self, database: Database, quiet_s: float) -> None:
        self._database, self._quiet_s = database, quiet_s

    async def pack_all(self) -> int:
        """Pack every block that has been quiet long enough, one short transaction each; how many there were."""
        packed = 0
        while await self.pack_one():
            packed += 1
        return packed

    async def pack_one(self) -> bool:
        async with writing(self._database) as connection:
            quiet = await take_quiet_block(connection, self._quiet_s)
            if quiet is None:
                return False
            await pack_block(connection, *quiet)
        BLOCKS_PACKED.inc()
        return True
