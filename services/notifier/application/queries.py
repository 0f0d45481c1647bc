"""What the notifier answers."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from chassis.database.engine import Database
from contracts.rpc.notifications import Channel, ChannelState, DeliveryState, Happening, Preference, Preferences
from services.notifier.adapters import preferences
from services.notifier.domain.addresses import Audience
from services.notifier.domain.results import Status
from services.notifier.domain.wording import TITLES

_DELIVERIES = 20


async def workspace_preferences(database: Database, audience: Audience, workspace_id: UUID) -> Preferences:
    async with database.read() as tx:
        muted = await preferences.muted(tx, workspace_id)
        rows = await preferences.newest_deliveries(tx, workspace_id, _DELIVERIES)
    return Preferences(
        channels=(ChannelState(channel=Channel.SLACK, configured=audience.slack),
                  ChannelState(channel=Channel.EMAIL, configured=audience.email,
                               job_creator=audience.email and audience.job_creator)),
        preferences=tuple(_preference(happening, muted) for happening in Happening),
        deliveries=tuple(map(_delivery, rows)))


def _preference(happening: Happening, muted: set[tuple[str, str]]) -> Preference:
    told = tuple(channel for channel in Channel if (happening.value, channel.value) not in muted)
    return Preference(happening=happening, title=TITLES[happening], channels=told)


def _delivery(row: Row[Any]) -> DeliveryState:
    """Without the recipient and the receiver's words: the installation's, not the workspace's."""
    return DeliveryState(kind=row.kind, title=row.content["title"], channel=row.channel, status=row.status,
                         created_at=row.created_at, sent_at=row.sent_at,
                         note=row.last_error if row.status == Status.SKIPPED else None)
