"""Finds the newest checkpoint that is whole and belongs to this very run."""

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from contracts.events import CheckpointManifest
from contracts.pod_environment import PodSpec
from contracts.rpc.pods import LIST_CHECKPOINTS, CheckpointOffer, ListCheckpoints
from trainer_image.broker import Refused
from trainer_image.checkpoint_files import download
from trainer_image.checkpoints import MANIFEST, checkpoint_prefix
from trainer_image.errors import StorageFailed
from trainer_image.hub import BaseModelFiles
from trainer_image.objects import ObjectDamaged, ObjectMissing, Objects
from trainer_image.reporter import Reporter

_log = logging.getLogger(__name__)

_METRICS_FILE, _RECIPE_FILE, _STATE_FILE = "metrics.json", "recipe.json", "trainer_state.json"
# Data, split, order, base model and the adapter's shape stay.
MAY_CHANGE = ("learning_rate", "num_epochs", "samples_per_step", "warmup_ratio", "weight_decay", "max_grad_norm",
              "lr_scheduler_type")


@dataclass(frozen=True)
class ResumePoint:
    """A downloaded, verified checkpoint. `metrics`: rows up to its step. `kept`: (step, attempt) of all offered.

    `job_id`: the job whose it is, if this one only continues that. `seen_in_step`: so many conversations of the next
    step were trained already. `origin`: where it comes from, for people.
    """

    attempt: int
    step: int
    folder: Path
    metrics: list[dict[str, Any]]
    kept: list[tuple[int, int]]
    job_id: UUID | None = None
    seen_in_step: int = 0
    origin: str = ""


class Unusable(Exception):
    """This checkpoint cannot be used; the text says why."""


def recipe(spec: PodSpec, base: BaseModelFiles) -> dict[str, Any]:
    """What must be equal for a checkpoint to fit: the samples of a step and their order, not how a step is cut
    into micro-batches (a retry after lack of memory halves the batch and doubles the accumulation)."""
    values = spec.hyperparameters.model_dump(mode="json")
    batch, accumulation = values.pop("per_device_train_batch_size"), values.pop("gradient_accumulation_steps")
    return {**values, "samples_per_step": batch * accumulation, "base_model": base.name,
            "base_model_revision": base.revision, "training_file_sha256": spec.training_file_sha256}


def newest_usable_checkpoint(
    reporter: Reporter, objects: Objects, folder: Path, wanted: dict[str, Any]
) -> ResumePoint | None:
    """Newest first; one that is damaged is skipped, with a warning, for the one before.

    Raises NetworkLost: a storage that is away is no reason to start from the beginning.
    """
    offers = reporter.ask(LIST_CHECKPOINTS, ListCheckpoints(attempt=reporter.spec.attempt)).checkpoints
    kept = [(offer.step, offer.attempt) for offer in offers]
    for offer in sorted(offers, key=lambda offer: (offer.step, offer.attempt), reverse=True):
        target = folder / f"resume-a{offer.attempt}-step-{offer.step}"
        try:
            _download(objects.of_job(offer.job_id), offer, target, str(offer.job_id or reporter.spec.job_id))
            check_recipe(target, wanted, continues=offer.job_id is not None)
            metrics = [row for row in json.loads((target / _METRICS_FILE).read_text()) if row["step"] <= offer.step]
            return ResumePoint(offer.attempt, offer.step, target, metrics, kept, offer.job_id)
        except Unusable as error:
            shutil.rmtree(target, ignore_errors=True)
            reporter.warn("checkpoint_skipped", f"The checkpoint of step {offer.step} (attempt {offer.attempt}) "
                          f"is not used: {error}", offer.step)
    return None


def _download(objects: Objects, offer: CheckpointOffer, target: Path, job_id: str) -> None:
    """Manifest and files, each against its SHA-256. Raises Unusable."""
    prefix = checkpoint_prefix(offer.attempt, offer.step)
    try:
        manifest = CheckpointManifest.model_validate_json(
            objects.get_bytes("checkpoints", f"{prefix}/{MANIFEST}", offer.manifest_sha256))
        if (manifest.job_id, manifest.attempt, manifest.step) != (job_id, offer.attempt, offer.step):
            raise Unusable("its manifest belongs to another checkpoint")
        download(objects, prefix, manifest, target)
    except ObjectMissing as error:
        raise Unusable(f"{error} is missing") from error
    except ObjectDamaged as error:
        raise Unusable(f"damaged: {error}") from error
    except ValidationError as error:
        raise Unusable("its manifest cannot be read") from error
    except ValueError as error:
        raise Unusable(str(error)) from error
    except Refused as error:
        raise Unusable(f"the provisioner gives no access: {error}") from error
    except StorageFailed as error:
        # Some storages say 403 for an object that is gone.
        raise Unusable(str(error)) from error


def check_recipe(target: Path, wanted: dict[str, Any], *, continues: bool = False) -> None:
    """Raises Unusable. A job that continues another one may change how it goes on, not what it has learnt so far."""
    try:
        found = json.loads((target / _RECIPE_FILE).read_text())
        json.loads((target / _STATE_FILE).read_text())["global_step"]
    except (OSError, ValueError, KeyError) as error:
        raise Unusable(f"it is incomplete ({type(error).__name__})") from error
    found = {"base_model_revision": wanted["base_model_revision"], **found}  # older checkpoints do not say
    compared = [name for name in wanted if not (continues and name in MAY_CHANGE)]
    changed = sorted(name for name in compared if found.get(name) != json.loads(json.dumps(wanted[name])))
    if changed:
        raise Unusable(f"it was made with other settings ({', '.join(changed)})")
