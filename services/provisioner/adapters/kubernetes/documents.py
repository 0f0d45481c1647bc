"""Kubernetes' documents as it answers them, as far as they are used. What is not known here is ignored."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Document(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True,
                              # What a validation error quotes may hold the environment of a pod.
                              hide_input_in_errors=True)


class Metadata(Document):
    name: str
    uid: str
    creation_timestamp: datetime
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Condition(Document):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class _Conditioned(Document):
    conditions: list[Condition] | None = None

    def condition(self, *types: str) -> Condition | None:
        """The first of these types that is true."""
        return next((one for one in self.conditions or () if one.type in types and one.status == "True"), None)

    def refused(self, kind: str) -> Condition | None:
        """The condition of this type while it is not true."""
        return next((one for one in self.conditions or () if one.type == kind and one.status != "True"), None)


class JobStatus(_Conditioned):
    pass


class JobSpec(Document):
    suspend: bool = False


class Job(Document):
    metadata: Metadata
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()


class Waiting(Document):
    reason: str = ""
    message: str = ""


class Running(Document):
    started_at: datetime | None = None


class Terminated(Document):
    exit_code: int
    reason: str = ""
    message: str = ""
    finished_at: datetime | None = None


class ContainerState(Document):
    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Document):
    name: str
    state: ContainerState = ContainerState()


class PodStatus(_Conditioned):
    """`phase` stays a string: a new one must not make every pod unreadable."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    start_time: datetime | None = None
    container_statuses: list[ContainerStatus] | None = None


class Pod(Document):
    metadata: Metadata
    status: PodStatus = PodStatus()


class ListMetadata(Document):
    next: str = Field(default="", alias="continue")


class JobList(Document):
    metadata: ListMetadata = ListMetadata()
    items: list[Job] = Field(default_factory=list)


class PodList(Document):
    metadata: ListMetadata = ListMetadata()
    items: list[Pod] = Field(default_factory=list)


class Happening(Document):
    """An Event of Kubernetes."""

    reason: str = ""
    message: str = ""
    last_timestamp: datetime | None = None
    event_time: datetime | None = None

    @property
    def at(self) -> datetime | None:
        return self.last_timestamp or self.event_time


class HappeningList(Document):
    items: list[Happening] = Field(default_factory=list)


class RefusalDetails(Document):
    retry_after_seconds: float | None = None


class Refusal(Document):
    """A Status that tells of a failure."""

    message: str = ""
    reason: str = ""
    details: RefusalDetails | None = None
