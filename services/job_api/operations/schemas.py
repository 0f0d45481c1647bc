"""Dead letters and the state of the system: what is shown."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.job_api.edge.fields import View


class DeadLetterView(View):
    object: Literal["dead_letter"]
    sequence: int
    subject: str
    consumer: str
    error_type: str
    error: str
    deliveries: int
    message_id: str
    dead_lettered_at: datetime | None
    event: dict[str, Any] | None = Field(description="The message, where it is JSON")
    raw: str | None = Field(description="The message as text, where it is not")
    truncated_from: int | None = Field(
        description="Bytes of the whole message, where only its beginning is kept; such a one cannot be replayed")
    allowed_actions: list[Literal["replay"]] = Field(description="What may be done with it")


class DeadLetterList(View):
    object: Literal["list"]
    data: list[DeadLetterView]
    has_more: bool
    next_cursor: str | None


class Replayed(View):
    object: Literal["replay"]
    replayed: list[int]
    failed: list[int]


class PartStatusView(View):
    name: str
    title: str
    status: Literal["ok", "degraded", "failed"]
    message: str = Field(description="What is wrong, in words; empty when all is well")
    suggested_fix: str


class SystemStatusView(View):
    object: Literal["system_status"]
    status: Literal["ok", "degraded", "unavailable"]
    parts: list[PartStatusView]


class CheckView(View):
    name: str
    status: Literal["ok", "degraded", "failed"]
    detail: str
    value: float | None


class ConsumerView(View):
    durable: str
    stream: str
    pending: int | None = Field(description="Messages that wait for it; null: the broker did not say")
    in_hand: int | None
    redelivered: int | None
    trouble: str = Field(description="Why it takes nothing; empty when all is well")
    state: Literal["ok", "degraded", "failed", "unknown"]
    most_pending: int = Field(description="More messages than this should not wait")


class OutboxView(View):
    waiting: int
    parked: int
    oldest_age_s: float
    state: Literal["ok", "failed"]
    longest_age_s: float = Field(description="No event should wait longer")


class ServiceView(View):
    name: str
    state: Literal["ok", "degraded", "failed", "starting", "draining", "unknown"]
    message: str = Field(description="What is wrong, in words; empty when all is well")
    checks: list[CheckView]
    consumers: list[ConsumerView] = Field(
        description="All that it should have; those that it did not tell of are `unknown`")
    outbox: OutboxView | None = Field(description="null: the service has none, or is away")


class MachineView(View):
    job_id: UUID
    job_name: str | None = Field(description="null: a job that nobody knows")
    attempt: int
    workspace_id: UUID
    workspace_name: str | None
    owner: str | None
    owner_email: str | None
    provider: str
    gpu_type: str
    gpu_model: str
    gpu_pricing_tier: str
    running_since: datetime | None
    rate_per_hour: float | None
    rate_micro_usd_per_hour: int | None
    cost: float | None = Field(description="US dollars since it runs; null where its provider tells no price")
    cost_micro_usd: int | None
    job_cost: float | None = Field(description="US dollars of all machines of its job, as last reported")
    job_cost_micro_usd: int | None
    job_status: str | None
    state: Literal["expected", "unexpected", "unknown"]
    message: str = Field(description="Why it should not be there; empty when it should")


class MachinesView(View):
    state: Literal["known", "unknown"]
    data: list[MachineView]


class LeakView(View):
    pod_name: str
    job_id: UUID
    workspace_id: UUID
    provider: str
    ended_at: datetime
    cost: float
    micro_usd: int


class LeaksView(View):
    """Machines that nobody asked for, or that outlived their work by more than a minute."""

    state: Literal["known", "unknown"]
    days: int
    cost: float | None
    micro_usd: int | None
    machines: int | None
    data: list[LeakView]


class DeadLettersView(View):
    state: Literal["known", "unknown"]
    total: int | None
    data: list[DeadLetterView] = Field(description="The oldest; `GET /dead-letters` pages through all")


class WorkspaceQueueView(View):
    workspace_id: UUID
    workspace_name: str
    active: int
    waiting: int
    for_a_machine: int = Field(description="Whose turn it is, and for which the provider has no machine")
    oldest_since: datetime | None


class QueuesView(View):
    state: Literal["known", "unknown"]
    waiting: int | None
    active: int | None
    data: list[WorkspaceQueueView]


class FindingView(View):
    """One thing that is not as it should be."""

    state: Literal["failed", "unknown", "degraded"]
    part: Literal["service", "consumer", "outbox", "machine", "machines", "leaks", "dead_letters", "queue"]
    name: str
    observed: str
    expected: str
    what_to_do: str
    runbook: str = Field(description="The page in `docs/runbooks` about it; empty: there is none")


class OperationsView(View):
    object: Literal["operations"]
    as_of: datetime
    state: Literal["ok", "degraded", "failed", "unknown"] = Field(description="Of the worst of `findings`")
    findings: list[FindingView] = Field(description="What is not as it should be, the worst first")
    services: list[ServiceView]
    machines: MachinesView
    leaked: LeaksView
    dead_letters: DeadLettersView
    queue: QueuesView
    unavailable: dict[str, str] = Field(description="What could not be asked just now, and why")
