"""Training metrics in columns: one step list, one value list per metric."""

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from contracts.envelope import AttemptEventData

# JSON has no NaN and no infinity; as strings they survive, and they must: a loss that became NaN is a finding.
_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def _read(value: Any) -> Any:
    return _SPECIAL.get(value, value) if isinstance(value, str) else value


def _write(value: float | None) -> float | str | None:
    if value is None or value - value == 0:
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


MetricValue = Annotated[float | None, BeforeValidator(_read), PlainSerializer(_write, return_type=float | str | None)]

METRIC_NAMES = (
    "loss",
    "validation_loss",
    "learning_rate",
    "gradient_norm",
    "perplexity",
    "tokens_per_second",
    "samples_per_second",
    "gpu_memory_used_mb",
    "gpu_memory_total_mb",
    "gpu_utilization_pct",
    "epoch",
    "eta_s",
)


class MetricsReported(AttemptEventData):
    """A batch of points of one attempt.

    `steps` and `times` (Unix seconds) have the length n; every list in `values` has the length n too, with
    null where a metric has no value at that step.
    """

    # A time that is no number is written as `values` are: as null nobody could read the message again.
    model_config = ConfigDict(ser_json_inf_nan="strings")

    entity: ClassVar[str] = "metrics"
    event: ClassVar[str] = "reported"

    # The step this attempt resumed from: rows of older attempts beyond it are superseded.
    resumed_from_step: int = Field(ge=0, default=0)
    steps: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1, max_length=2000)
    times: tuple[float, ...]
    values: dict[str, tuple[MetricValue, ...]] = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def _equal_lengths(self) -> "MetricsReported":
        expected = len(self.steps)
        if len(self.times) != expected:
            raise ValueError(f"times has {len(self.times)} entries, steps has {expected}")
        for name, column in self.values.items():
            if len(column) != expected:
                raise ValueError(f"values[{name!r}] has {len(column)} entries, steps has {expected}")
        return self
