"""Analytics: what is asked and what is shown."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.job_api.diagnosis.schemas import CodeView
from services.job_api.edge.fields import CommaSeparated, Moment, PlainText, PresetName, Request, View

Table = Literal["weeks", "presets", "people", "clients", "errors", "jobs"]


class AnalyticsQuery(Request):
    from_: Moment | None = Field(default=None, alias="from", description="Jobs that ended then or later.")
    to: Moment | None = Field(default=None, description="Jobs that ended before.")
    preset: Annotated[list[PresetName], CommaSeparated] = Field(default_factory=list)
    creator: Annotated[list[PlainText], CommaSeparated] = Field(default_factory=list)
    client: list[PlainText] = Field(default_factory=list, description="Said several times for several: a name may have "
                                                                      "a comma.")
    format: Literal["csv"] | None = Field(default=None, description="One table as a file.")
    table: Table = Field(default="weeks", description="Which one; `jobs`: every job that ended.")


class SumsView(View):
    ended: int
    completed: int
    failed: int
    cancelled: int
    success_rate: float | None = Field(description="Of those that completed or failed")
    cost: float = Field(description="US dollars, of all")
    cost_micro_usd: int
    mean_cost: float | None = Field(description="US dollars, of the completed ones")
    mean_cost_micro_usd: int | None
    median_duration_seconds: float | None = Field(description="Of the completed ones")
    mean_improvement_pct: float | None = Field(description="Of perplexity, over those with a verdict")
    judged: int = Field(description="Completed jobs with a verdict")
    proven: int
    interruptions: int
    interrupted_jobs: int
    interrupted_completed: int = Field(description="Interrupted jobs that completed all the same")


class PresetSums(SumsView):
    preset: str


class WeekSums(PresetSums):
    week: date = Field(description="Its Monday, UTC")


class PersonSums(SumsView):
    creator: str
    email: str | None


class ClientSums(SumsView):
    client: str = Field(description="Empty: of jobs that name none")


class PointView(View):
    job_id: UUID
    name: str
    preset: str
    completed_at: datetime
    cost: float
    cost_micro_usd: int
    improvement_pct: float
    low_pct: float | None
    high_pct: float | None
    verdict: str


class PointsView(View):
    data: list[PointView] = Field(description="The newest first")
    total: int = Field(description="So many there are")


class FixView(View):
    field: str = Field(description="What retries changed")
    ended: int
    completed: int
    success_rate: float


class FrequentError(CodeView):
    fixes: list[FixView] = Field(description="What helped most first")


class TierView(View):
    gpu_pricing_tier: str = Field(description="What the machine was, whatever the job asked for")
    machines: int = Field(description="That came up, and whose attempt is over")
    interrupted: int = Field(description="Of these: over before it was meant to be")
    interruption_rate: float | None = Field(description="interrupted / machines; null where too few were seen to tell")


class InterruptionRates(View):
    object: Literal["interruption_rates"]
    data: list[TierView]
    least_machines: int = Field(description="Below so many no rate is told")


class SavingsView(View):
    """The same machine time on demand, less what was paid; what interruptions cost is part of both."""

    jobs: int = Field(description="With a spot machine and a known price on demand")
    unknown_jobs: int = Field(description="With a spot machine and no such price; not counted")
    paid: float
    paid_micro_usd: int
    on_demand: float
    on_demand_micro_usd: int
    saved: float
    saved_micro_usd: int


class AnalyticsView(View):
    object: Literal["analytics"]
    from_: datetime | None = Field(alias="from")
    to: datetime | None
    totals: SumsView
    presets: list[PresetSums]
    weeks: list[WeekSums] = Field(description="By preset, the oldest first")
    people: list[PersonSums] = Field(description="Who has spent most first")
    clients: list[ClientSums] = Field(description="Whose jobs cost most first")
    cost_and_quality: PointsView
    errors: list[FrequentError] = Field(description="The most frequent first")
    tiers: list[TierView]
    savings: SavingsView | None
    unavailable: dict[str, str] = Field(description="What could not be asked just now, and why")


