"""What job_api asks the notifier: of what a workspace is told, and by which channels."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.rpc.spec import Rpc


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Channel(StrEnum):
    SLACK = "slack"
    EMAIL = "email"


class Happening(StrEnum):
    """What a notification is about; several events may tell of the same."""

    JOB_COMPLETED = "job_completed"
    JOB_FAILED = "job_failed"
    JOB_INTERRUPTED = "job_interrupted"
    COST_OVERRUN = "cost_overrun"
    BUDGET_THRESHOLD = "budget_threshold"
    BUDGET_EXCEEDED = "budget_exceeded"


class PreferencesQuery(Model):
    workspace_id: UUID


class ChannelState(Model):
    """`configured`: whoever runs the installation has set it up. `job_creator`: what is told of a job goes to who
    created it as well, while they are a member."""

    channel: Channel
    configured: bool
    job_creator: bool = False


class Preference(Model):
    happening: Happening
    title: str
    channels: tuple[Channel, ...]


class DeliveryState(Model):
    """A notification of the workspace. `status`: pending, sending, sent, failed, unknown (it may have arrived) or
    skipped (there was nobody to send it to; `note` says why)."""

    kind: str
    title: str
    channel: str
    status: str
    created_at: datetime
    sent_at: datetime | None
    note: str | None = None


class Preferences(Model):
    """`deliveries`: the newest ones first; one for each recipient."""

    channels: tuple[ChannelState, ...]
    preferences: tuple[Preference, ...]
    deliveries: tuple[DeliveryState, ...] = ()


class WantedChannels(Model):
    happening: Happening
    channels: tuple[Channel, ...] = Field(max_length=10)


class SetPreferences(Model):
    """Exactly these channels for each happening that is named; the others stay as they are."""

    workspace_id: UUID
    wanted: tuple[WantedChannels, ...] = Field(max_length=50)
    changed_by: str = Field(max_length=300)


class SendTest(Model):
    """A message over every channel that is configured and has a recipient; at most one a minute for a workspace."""

    workspace_id: UUID


class TestSent(Model):
    """Over which; none: nothing is configured, or mail without a recipient."""

    __test__ = False

    channels: tuple[Channel, ...]


PREFERENCES = Rpc("notifier", "preferences", PreferencesQuery, Preferences)
SET_PREFERENCES = Rpc("notifier", "set_preferences", SetPreferences, Preferences)
SEND_TEST = Rpc("notifier", "send_test", SendTest, TestSent)
