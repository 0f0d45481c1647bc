"""Announce what happened: one delivery for each address, in the caller's transaction; preferences; a test message."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database.engine import Database
from contracts.envelope import Event
from contracts.identifiers import uuid7
from contracts.rpc.notifications import Channel, SetPreferences
from services.notifier.adapters import preferences
from services.notifier.adapters.repository import add_deliveries
from services.notifier.domain.addresses import Audience, addresses_for
from services.notifier.domain.addresses import Channel as Told
from services.notifier.domain.wording import message_for, trial_message


async def announce(tx: AsyncConnection, event: Event[Any], audience: Audience) -> None:
    message = message_for(event.data, event.id)
    muted = await preferences.muted_channels(tx, message.workspace_id, message.kind)
    await add_deliveries(tx, message, event.id, addresses_for(message, audience, muted))


async def set_preferences(database: Database, command: SetPreferences) -> None:
    """What is told already stays told."""
    async with database.transaction() as tx:
        for wanted in command.wanted:
            muted = [channel.value for channel in Channel if channel not in wanted.channels]
            await preferences.mute(tx, command.workspace_id, wanted.happening, muted, command.changed_by)


async def send_test(
    database: Database, audience: Audience, workspace_id: UUID, now: datetime
) -> tuple[Channel, ...]:
    """Over these channels; asked again within the minute it is the same message."""
    message = trial_message(workspace_id, now)
    addresses = [address for address in addresses_for(message, audience) if address.channel is not Told.LOG]
    async with database.transaction() as tx:
        await add_deliveries(tx, message, uuid7(), addresses)
    return tuple(Channel(channel.value) for channel in dict.fromkeys(address.channel for address in addresses))
