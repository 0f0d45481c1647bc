"""CloudEvents 1.0 in structured JSON mode: the one envelope of every event."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.identifiers import uuid7


class EventData(BaseModel):
    """Base of every event's payload. Unknown fields are ignored, so that additive changes stay compatible."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    entity: ClassVar[str]
    event: ClassVar[str]
    version: ClassVar[int] = 1
    key_field: ClassVar[str] = "job_id"

    @classmethod
    def event_type(cls) -> str:
        """`brightrun.<entity>.<event>.v<version>`, the CloudEvents type."""
        return f"brightrun.{cls.entity}.{cls.event}.v{cls.version}"

    @classmethod
    def subject_prefix(cls) -> str:
        return f"{cls.entity}.{cls.event}"

    @classmethod
    def subject_filter(cls) -> str:
        """The NATS wildcard that matches this event of every job."""
        return f"{cls.subject_prefix()}.*"

    def subject(self) -> str:
        """The NATS subject: `<entity>.<event>.<job_id>`."""
        return f"{self.subject_prefix()}.{getattr(self, self.key_field)}"


class JobEventData(EventData):
    """Payload of an event about one job."""

    job_id: UUID
    workspace_id: UUID


class AttemptEventData(JobEventData):
    """Payload of an event from, or about, one attempt (one pod) of a job.

    `attempt` is a fencing token: an event of an older attempt never changes the job.
    `sequence` counts the events of one source within the attempt, from 1.
    """

    attempt: int = Field(ge=1)
    sequence: int = Field(ge=0, default=0)


DataT = TypeVar("DataT", bound=EventData, covariant=True)


class Event(BaseModel, Generic[DataT]):
    """A CloudEvents 1.0 envelope. `subject` is the NATS subject the event travels on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None
    data: DataT

    def to_bytes(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()


def new_event(
    data: EventData,
    *,
    source: str,
    traceparent: str | None = None,
    event_id: UUID | None = None,
    time: datetime | None = None,
) -> Event[Any]:
    """Wrap a payload. `source` names the speaker, for example `/services/cost_guard`."""
    envelope = cast(type[Event[Any]], Event.__class_getitem__(type(data)))
    return envelope(
        id=event_id or uuid7(),
        source=source,
        type=data.event_type(),
        subject=data.subject(),
        time=time or datetime.now(UTC),
        traceparent=traceparent,
        data=data,
    )
