"""Notification preferences: what is asked and what is shown."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from contracts.rpc.notifications import Channel, Happening
from services.job_api.edge.fields import Body, View


class WantedChannels(Body):
    event: Happening
    channels: list[Channel] = Field(max_length=10, description="Exactly these; none: it is not told.")


class SetNotifications(Body):
    events: list[WantedChannels] = Field(
        min_length=1, max_length=50, description="Those that are not named stay as they are.")


class ChannelView(View):
    channel: Channel
    configured: bool = Field(description="Set up by whoever runs the installation")
    job_creator: bool = Field(description="What is told of a job goes to who created it too, while they are a member")


class NotificationEventView(View):
    event: Happening
    title: str
    channels: list[Channel]


class DeliveryView(View):
    event: str = Field(description="`test` for a test message")
    title: str
    channel: str = Field(description="`log` where no channel is configured")
    status: Literal["pending", "sending", "sent", "failed", "unknown", "skipped"] = Field(
        description="unknown: the connection was lost, it may have arrived; skipped: there was nobody to send it to")
    created_at: datetime
    sent_at: datetime | None
    note: str | None = Field(description="Why it was skipped")


class NotificationsView(View):
    object: Literal["notifications"]
    channels: list[ChannelView]
    events: list[NotificationEventView]
    deliveries: list[DeliveryView] = Field(description="The newest 20, one for each recipient")
    allowed_actions: list[Literal["edit", "test"]] = Field(description="What the caller may do")


class TestMessageView(View):
    __test__ = False

    object: Literal["test_message"]
    channels: list[Channel] = Field(description="Over which it is sent; at most one message a minute")
