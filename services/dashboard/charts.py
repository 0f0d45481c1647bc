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


@dataclass(frozen=True)
class Metric:
    """What a metric is called in a table, its unit, and how many decimals say something."""

    title: str
    unit: str = ""
    places: int = 4


_LOSS = "nats per token"
METRICS = {
    "loss": Metric("Loss", _LOSS), "validation_loss": Metric("Validation loss", _LOSS),
    "learning_rate": Metric("Learning rate"), "gradient_norm": Metric("Gradient norm"),
    "perplexity": Metric("Perplexity", "", 2), "tokens_per_second": Metric("Throughput", "tokens/s", 1),
    "samples_per_second": Metric("Samples", "per second", 2), "gpu_memory_used_mb": Metric("GPU memory used", "MB", 1),
    "gpu_memory_total_mb": Metric("GPU memory there", "MB", 1),
    "gpu_utilization_pct": Metric("GPU utilisation", "%", 1), "epoch": Metric("Passes over the file", "epochs", 2),
    "eta_s": Metric("Left", "s", 1),
}

CHARTS = (
    Chart("loss", "Loss", _LOSS, {"loss": "Training", "validation_loss": "Validation"}, smooth=True),
    Chart("learning_rate", "Learning rate", "", {"learning_rate": "Learning rate"}),
    Chart("gradient_norm", "Gradient norm", "", {"gradient_norm": "Gradient norm"}, smooth=True),
    Chart("throughput", "Throughput", "tokens/s", {"tokens_per_second": "Throughput"}, smooth=True),
    Chart("gpu_memory", "GPU memory", "MB", {"gpu_memory_used_mb": "Used", "gpu_memory_total_mb": "There"}),
    Chart("gpu_utilization", "GPU utilisation", "%", {"gpu_utilization_pct": "Utilisation"}),
)
