"""What cost_guard needs from outside."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from contracts.rpc.pods import Machine


class MachineList(Protocol):
    def existing_since(self, moment: datetime) -> AsyncIterator[tuple[Machine, ...]]:
        """Every machine that existed at or after this moment, with the provider's times, in pages."""
        ...
