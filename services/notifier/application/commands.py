"""Announce what happened: one delivery for each address, in the caller's transaction."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.envelope import Event
from services.notifier.adapters.repository import add_deliveries
from services.notifier.domain.addresses import Audience, addresses_for
from services.notifier.domain.wording import message_for


async def announce(tx: AsyncConnection, event: Event[Any], audience: Audience) -> None:
    message = message_for(event.data, event.id)
    await add_deliveries(tx, message, event.id, addresses_for(message, audience))
