"""The provisioner's list of machines, asked for by request/reply."""

from collections.abc import AsyncIterator
from datetime import datetime

from chassis.messaging.bus import Bus
from contracts.rpc.pods import MACHINES, Machine, MachinesQuery

_TIMEOUT_S = 10.0


class ProvisionerMachines:
    """`ports.MachineList`. Raises ServiceUnavailable without an answer."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def existing_since(self, moment: datetime) -> AsyncIterator[tuple[Machine, ...]]:
        after: str | None = ""
        while after is not None:
            query = MachinesQuery(since=moment, after=after)
            page = await self._bus.request(MACHINES, query, timeout_s=_TIMEOUT_S)
            yield page.machines
            after = page.next_after
