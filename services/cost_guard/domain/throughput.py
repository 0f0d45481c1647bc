"""How long a run takes before any run of its kind was seen, and what finished runs teach."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

from contracts.gpus import GpuType

INTERVAL = 0.80
# Of the log of the error of a prior whose speed was measured: cold start, lengths and the machine's day still vary.
MEASURED_SIGMA = 0.20


@dataclass(frozen=True)
class Prior:
    """Expected speed and its uncertainty before any run (`log_sigma`: standard deviation of the log of the error).

    `measured` is the speed of one card; a computed one is that of the type's own card, and scales with the card's.

    What finished runs taught is relative to the prior: change the figures and the revision together.
    """

    tokens_per_second: float
    cold_start_s: float
    finish_s: float
    seconds_per_step: float
    log_sigma: float
    source: str
    revision: int = 1
    measured: bool = False


# Computed, until `benchmarks/gpu` has run on the card.
# H100 PCIe: 756 TFLOP/s dense bf16 x 40 % utilisation / 425 GFLOP per trained token of a 70B model with gradient
# checkpointing (6N: no weight gradient for the frozen base) = 711 tokens/s. The peak is that of NVIDIA's H100 data
# sheet: 1,513 TFLOP/s with sparsity for the PCIe card, half of it dense; the SXM card's 989 do not apply. Published
# figures of SXM cards lie between 786 and 1,092 tokens/s. Dequantisation costs about 0.19 s of every micro-step.
# Cold start: image, weights (about 40 GB pre-quantised) and loading.
# local: the tiny model on two CPU cores, measured on the development machine.
COMPUTED: dict[GpuType, Prior] = {
    GpuType.H100_PCIE_80GB: Prior(
        711.0, 720.0, 180.0, 0.19, 0.35,
        "a speed computed, not measured: 70B QLoRA on one H100 PCIe from published figures", revision=2
    ),
    GpuType.LOCAL: Prior(2800.0, 8.5, 5.0, 0.5, 0.60, "the tiny local model on two CPU cores"),
}


def measured_prior(computed: Prior, result: Mapping[str, Any]) -> Prior:
    """The prior with the speed that `benchmarks/gpu --call second` measured for the trainer as it is.

    A measured speed leaves less to doubt; the rest, cold start and finish, stays computed. The revision is the day of
    the measurement: runs that were compared with other figures teach nothing about these. Raises ValueError for the
    result of a toy, or of a call without that figure.
    """
    speed = result.get("useful_tokens_per_second", {}).get("balanced")
    if result.get("toy") or not speed:
        raise ValueError("this is no second call of benchmarks/gpu on a card")
    day = str(result["measured_at"])[:10]
    return replace(
        computed, tokens_per_second=float(speed), log_sigma=min(computed.log_sigma, MEASURED_SIGMA),
        source=f"a speed measured on {result['gpu']} on {day}", revision=int(day.replace("-", "")),
        measured=True)


def priors(folder: Path) -> dict[GpuType, Prior]:
    """The computed ones, replaced where `folder` holds a measured result named by the GPU's type."""
    found = dict(COMPUTED)
    for gpu_type, computed in COMPUTED.items():
        path = folder / f"{gpu_type.value}.json"
        if path.exists():
            found[gpu_type] = measured_prior(computed, json.loads(path.read_text()))
    return found


PRIORS = priors(Path(__file__).parent / "measured")


def experience_key(gpu_type: GpuType, base_model: str) -> str:
    """Names the runs that say something about one another."""
    revision = PRIORS[gpu_type].revision
    return f"{gpu_type.value}:{base_model}" if revision == 1 else f"{gpu_type.value}/{revision}:{base_model}"


@dataclass(frozen=True)
class Duration:
    """Seconds; 80 % of runs are expected to end between `low_s` and `high_s`."""

    low_s: float
    expected_s: float
    high_s: float


def physical_duration_s(
    prior: Prior, training_tokens: int, evaluation_tokens: int, steps: int, relative_speed: float = 1.0
) -> float:
    """Cold start + trained tokens + evaluation (forward only: a third of the work) + fixed cost per step + finish.

    `relative_speed`: of the card that will be asked for first, against the type's own.
    """
    speed = prior.tokens_per_second * (1.0 if prior.measured else relative_speed)
    trained = training_tokens / speed
    evaluated = evaluation_tokens / (3 * speed)
    return prior.cold_start_s + trained + evaluated + steps * prior.seconds_per_step + prior.finish_s


def predict(prior: Prior, physical_s: float, log_errors: Sequence[float]) -> Duration:
    """The interval after these finished runs; `log_errors` are log(actual / physical prediction).

    Normal-inverse-gamma update of a prior centred on the physical prediction: the predictive distribution of the
    next log error is Student's t, usable from no run at all, and narrowing as runs agree.
    """
    location, scale, freedom = _predictive(prior.log_sigma, log_errors)
    spread = student_t_quantile((1 + INTERVAL) / 2, freedom) * scale
    return Duration(
        low_s=physical_s * math.exp(location - spread),
        expected_s=physical_s * math.exp(location),
        high_s=physical_s * math.exp(location + spread),
    )


def _predictive(prior_sigma: float, errors: Sequence[float]) -> tuple[float, float, float]:
    """Location, scale and degrees of freedom of the predictive t distribution."""
    # The prior weighs as much as two runs; four degrees of freedom keep its tails honest.
    kappa, alpha, beta = 2.0, 2.0, 2.0 * prior_sigma**2
    n = len(errors)
    mean = sum(errors) / n if n else 0.0
    scatter = sum((error - mean) ** 2 for error in errors)
    kappa_n, alpha_n = kappa + n, alpha + n / 2
    beta_n = beta + scatter / 2 + kappa * n * mean**2 / (2 * kappa_n)
    return n * mean / kappa_n, math.sqrt(beta_n * (kappa_n + 1) / (alpha_n * kappa_n)), 2 * alpha_n


def student_t_quantile(p: float, freedom: float) -> float:
    """Quantile of Student's t by the expansion of Abramowitz and Stegun 26.7.5; within 1 % from 4 degrees up."""
    x = NormalDist().inv_cdf(p)
    g1 = (x**3 + x) / 4
    g2 = (5 * x**5 + 16 * x**3 + 3 * x) / 96
    g3 = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
    return x + g1 / freedom + g2 / freedom**2 + g3 / freedom**3
