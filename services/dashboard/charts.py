"""The charts of a job: which metrics, in which unit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chart:
    """`metrics` -> what the legend calls them."""

    name: str
    title: str
    unit: str
    metrics: dict[str, str]
    smooth: bool = False

    @property
    def names(self) -> str:
        return ",".join(self.metrics)


CHARTS = (
    Chart("loss", "Loss", "nats per token", {"loss": "Training", "validation_loss": "Validation"}, smooth=True),
    Chart("learning_rate", "Learning rate", "", {"learning_rate": "Learning rate"}),
    Chart("gradient_norm", "Gradient norm", "", {"gradient_norm": "Gradient norm"}, smooth=True),
    Chart("throughput", "Throughput", "tokens/s", {"tokens_per_second": "Throughput"}, smooth=True),
    Chart("gpu_memory", "GPU memory", "MB", {"gpu_memory_used_mb": "Used", "gpu_memory_total_mb": "There"}),
    Chart("gpu_utilization", "GPU utilisation", "%", {"gpu_utilization_pct": "Utilisation"}),
)
