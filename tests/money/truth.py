"""What is true about a job, and what cost_guard was told about it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from contracts.gpus import GpuType, PricingTier
from contracts.rpc.pods import Machine
from tests.services.cost_guard.examples import Job


@dataclass(frozen=True)
class Span:
    """A machine's time, as the provider or as cost_guard knows it."""

    since: datetime
    until: datetime | None = None


@dataclass
class JobTruth:
    """`machines`: the provider's truth. Everything else: what cost_guard was told, in the order it was told."""

    job: Job
    # job_api's: pending, waiting (for its turn: its money is held, cost_guard heard of no start), queued, ended
    status: str = "pending"
    chosen: UUID | None = None
    tries: list[UUID] = field(default_factory=list)
    accepted: list[UUID] = field(default_factory=list)
    machines: dict[int, Span] = field(default_factory=dict)

    held: tuple[UUID, int] | None = None
    closed: set[UUID] = field(default_factory=set)
    agreed: int | None = None
    started: bool = False
    ended_at: datetime | None = None
    outcome: str = ""
    billed: dict[int, Span] = field(default_factory=dict)

    @property
    def pending(self) -> bool:
        return not self.started and self.ended_at is None

    @property
    def alive(self) -> int | None:
        """The attempt that runs now."""
        return next((attempt for attempt, span in self.machines.items() if span.until is None), None)

    def close(self, *ids: UUID | None) -> None:
        self.closed |= {one for one in ids if one is not None}

    def withdraw(self) -> None:
        self.close(self.held[0] if self.held else None)
        self.held = None

    def start(self, reservation_id: UUID, expected: int) -> None:
        self.started = True
        if self.ended_at is None:
            amount = self.held[1] if self.held else expected if self.agreed is None else self.agreed
            self.held = (reservation_id, amount)

    def confirm(self, attempt: int, since: datetime | None, until: datetime | None) -> None:
        """The provider's word. A machine that never ran has no bill, and an end is never taken back."""
        known = self.billed.get(attempt)
        if since is None and known is None:
            return
        before = known or Span(since or datetime.min.replace(tzinfo=UTC))
        self.billed[attempt] = Span(since or before.since, until or before.until)

    def listed(self) -> list[Machine]:
        return [
            Machine(
                **self.job.ids,
                attempt=attempt,
                provider="fake",
                gpu_type=GpuType.H100_PCIE_80GB,
                pricing_tier=PricingTier.SPOT,
                running_since=span.since,
                terminated_at=span.until,
            )
            for attempt, span in self.machines.items()
        ]
