"""What services ask metrics_ingest."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.events.metrics import MetricValue
from contracts.rpc.spec import Rpc


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class LatestQuery(Model):
    job_id: UUID
    workspace_id: UUID


class LatestValue(Model):
    value: MetricValue
    step: int
    attempt: int
    time: float


class Latest(Model):
    """The newest value of every metric."""

    metrics: dict[str, LatestValue]


class RangeQuery(Model):
    """Series of some metrics, thinned to `max_points` keeping minima and maxima; null bounds are open."""

    job_id: UUID
    workspace_id: UUID
    metrics: tuple[str, ...] = Field(default=("loss", "validation_loss"), min_length=1, max_length=16)
    from_step: int | None = Field(default=None, ge=0)
    to_step: int | None = Field(default=None, ge=0)
    max_points: int = Field(default=2000, ge=10, le=5000)


class Series(Model):
    """Columns of equal length in step order. `flagged_steps` had NaN or infinity. `total_points` before thinning."""

    metric: str
    steps: tuple[int, ...]
    times: tuple[float, ...]
    values: tuple[MetricValue, ...]
    attempts: tuple[int, ...]
    total_points: int
    flagged_steps: tuple[int, ...] = ()


class AttemptBoundary(Model):
    attempt: int
    resumed_from_step: int


class RangeReply(Model):
    series: tuple[Series, ...]
    boundaries: tuple[AttemptBoundary, ...]


class ExportQuery(Model):
    """Raw points in (step, metric) order, a page at a time; `cursor` comes from the page before."""

    job_id: UUID
    workspace_id: UUID
    cursor: str | None = None
    limit: int = Field(default=5000, ge=1, le=5000)


class RawPoint(Model):
    attempt: int
    step: int
    metric: str
    time: float
    value: MetricValue
    superseded: bool = False


class ExportPage(Model):
    points: tuple[RawPoint, ...]
    next_cursor: str | None


LATEST = Rpc("metrics_ingest", "latest", LatestQuery, Latest)
RANGE = Rpc("metrics_ingest", "range", RangeQuery, RangeReply)
EXPORT = Rpc("metrics_ingest", "export", ExportQuery, ExportPage)
