"""After the last step: measure, write, verify, upload; then the events that end the attempt."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.envelope import Event
from contracts.events import ArtifactFile, ConversationLikelihood, EvaluationGenerated, TrainingCompleted
from trainer_image.checkpoints import Checkpoints
from trainer_image.data import TrainingData
from trainer_image.delivery.package import package
from trainer_image.delivery.summary import perplexities
from trainer_image.errors import Diverged
from trainer_image.evaluation import compare
from trainer_image.hub import BaseModelFiles
from trainer_image.metric_series import MetricSeries
from trainer_image.objects import Objects
from trainer_image.quantization import Quantization
from trainer_image.reporter import Reporter
from trainer_image.versions import library_versions

_log = logging.getLogger(__name__)

_SECONDS_TO_FINISH_CHECKPOINT = 30.0


@dataclass(frozen=True)
class Finished:
    """A training that is through its steps."""

    trainer: Any
    tokenizer: Any
    data: TrainingData
    base: BaseModelFiles
    quantization: Quantization
    metrics: MetricSeries


def deliver(
    finished: Finished, reporter: Reporter, objects: Objects, checkpoints: Checkpoints, folder: Path, *, seconds: float
) -> list[Event[Any]]:
    """Write the delivery into `folder`, check and upload it. Returns the final events, not yet published.

    Raises Diverged, DeliveryError, NetworkLost. `seconds`: how long the attempt has taken.
    """
    spec = reporter.spec
    checkpoints.drop_local(finished.trainer.state.global_step)
    trainer = finished.trainer
    likelihoods = compare(trainer.model, finished.data.held_out, known_base=trainer.base_likelihoods,
                          known_trained=trainer.trained_likelihoods)
    results = _results(finished, likelihoods, spec.hyperparameters.num_epochs, seconds)
    files = package(
        finished.trainer.model, finished.tokenizer, folder, spec=spec, data=finished.data, base=finished.base,
        quantization=finished.quantization, likelihoods=likelihoods, results=results, metrics=finished.metrics.rows())
    stored = [(path, objects.put_file("artifacts", f"a{spec.attempt}/{path.name}", path)) for path in files]
    checkpoints.finish(_SECONDS_TO_FINISH_CHECKPOINT)
    now = datetime.now(UTC)
    events = [_evaluation(reporter, finished, likelihoods, now)] if likelihoods else []
    events.append(reporter.prepare(
        TrainingCompleted, bucket=stored[0][1].bucket, base_model=finished.base.name, versions=library_versions(),
        artifacts=tuple(ArtifactFile(path=path.name, key=one.key, size_bytes=one.size_bytes, sha256=one.sha256)
                        for path, one in stored),
        total_steps=results["steps"], epochs=results["epochs"], trained_tokens=results["trained_tokens"],
        final_loss=finite(results["final_loss"]), final_validation_loss=finite(results["final_validation_loss"]),
        training_seconds=seconds, completed_at=now))
    return events


def _evaluation(
    reporter: Reporter, finished: Finished, likelihoods: tuple[ConversationLikelihood, ...], now: datetime
) -> Event[Any]:
    base, trained = perplexities(likelihoods)
    _log.info("perplexity on the hold-out: base %.2f, trained %.2f", base, trained)
    return reporter.prepare(
        EvaluationGenerated, conversations=likelihoods, base_perplexity=base, trained_perplexity=trained,
        base_model=finished.base.name, generated_at=now)


def _results(
    finished: Finished, likelihoods: tuple[ConversationLikelihood, ...], epochs: int, seconds: float
) -> dict[str, Any]:
    state, rows = finished.trainer.state, finished.metrics.rows()
    final_loss = last_value(rows, "loss")
    if any(finite(item.trained_nll) is None for item in likelihoods):
        raise Diverged("The training diverged: the trained model's loss on the held-out conversations is not a "
                       "number.", final_loss=str(final_loss))
    return {
        "steps": state.global_step, "epochs": float(state.epoch or 0.0),
        "trained_tokens": finished.data.train_tokens * epochs,
        "final_loss": final_loss, "final_validation_loss": last_value(rows, "validation_loss"),
        "seconds_of_this_attempt": round(seconds, 1),
    }


def last_value(rows: list[dict[str, Any]], name: str) -> float | None:
    return next((row[name] for row in reversed(rows) if name in row), None)


def finite(value: float | None) -> float | None:
    return value if value is not None and value - value == 0 else None
