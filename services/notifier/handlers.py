"""Events in: every one becomes deliveries, in the inbox's transaction."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Event
from services.notifier.addresses import addresses_for
from services.notifier.domain import message_for
from services.notifier.repository import add_deliveries
from services.notifier.settings import Settings


class Notify:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __call__(self, event: Event[Any], tx: AsyncConnection) -> None:
        message = message_for(event.data, event.id)
        await add_deliveries(tx, message, event.id, addresses_for(message, self._settings))
