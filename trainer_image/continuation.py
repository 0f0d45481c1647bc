"""A job that goes on from another job's checkpoint with changed settings: where it stands, counted in conversations.

A step of the old job was some conversations of an epoch's order, and so is one of the new job's, maybe of another
number. The order itself depends on the seed and the epoch only. So `e` whole epochs and `c` conversations of the next
one are behind; the new job stands at step `e * (its steps an epoch) + c // (its conversations a step)` and its first
step leaves out the `c % (its conversations a step)` that were seen: every conversation is trained once an epoch,
whatever the batch was and is. Weights and the optimizer's moments stay; the learning rate follows the new schedule.
"""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import get_scheduler

from contracts.error_catalogue import ErrorCode
from contracts.error_taxonomy import TrainingErrorType
from contracts.hyperparameters import Hyperparameters
from contracts.pod_environment import PodSpec
from trainer_image.errors import TrainerError
from trainer_image.lora_trainer import samples_per_step, total_steps
from trainer_image.resume import ResumePoint
from trainer_image.snapshot import OPTIMIZER_FILE, RECIPE_FILE, SCHEDULER_FILE, STATE_FILE


class NothingToContinueFrom(TrainerError):
    """To begin anew instead would spend money on what nobody asked for."""

    error_type = TrainingErrorType.STORAGE
    error_code = ErrorCode.CHECKPOINT_DAMAGED
    retryable = False
    suggested_fix = "Retry the earlier job instead: that begins anew."


@dataclass(frozen=True)
class Position:
    """`seen` conversations of the epoch after `epochs` whole ones."""

    epochs: int
    seen: int


def position(step: int, per_step: int, conversations: int) -> Position:
    """After `step` steps of `per_step` conversations; the last one of an epoch may have fewer."""
    epochs, steps = divmod(step, math.ceil(conversations / per_step))
    return Position(epochs, steps * per_step)


def step_of(where: Position, per_step: int, conversations: int) -> tuple[int, int]:
    """(steps that are behind, conversations of the next one that were seen)."""
    steps, seen = divmod(where.seen, per_step)
    return where.epochs * math.ceil(conversations / per_step) + steps, seen


def continued(checkpoint: ResumePoint | None, spec: PodSpec, conversations: int) -> ResumePoint:
    """The other job's checkpoint as one of this job. Raises NothingToContinueFrom."""
    if checkpoint is None:
        raise NothingToContinueFrom(f"No checkpoint of job {spec.continues}, which this job continues, can be used.")
    before = json.loads((checkpoint.folder / RECIPE_FILE).read_text())["samples_per_step"]
    where = position(checkpoint.step, before, conversations)
    step, seen = step_of(where, samples_per_step(spec.hyperparameters), conversations)
    _rewrite_state(checkpoint, step, where.epochs + where.seen / conversations)
    _rewrite_schedule(checkpoint, step, spec.hyperparameters, conversations)
    origin = (f"goes on from step {checkpoint.step} of job {checkpoint.job_id}: {where.epochs} epochs and {where.seen} "
              f"of {conversations} conversations are behind")
    return replace(checkpoint, step=step, seen_in_step=seen, origin=origin, metrics=[], kept=[])


def _rewrite_state(checkpoint: ResumePoint, step: int, epoch: float) -> None:
    path = checkpoint.folder / STATE_FILE
    state = json.loads(path.read_text())
    path.write_text(json.dumps(state | {"global_step": step, "epoch": epoch, "log_history": []}))


def _rewrite_schedule(
    checkpoint: ResumePoint, step: int, hyperparameters: Hyperparameters, conversations: int
) -> None:
    """The schedule of the new job at this step, in the optimizer too: its next step is made with that rate."""
    rate = hyperparameters.learning_rate
    now = rate * _factor(hyperparameters, step, conversations)
    schedule = torch.load(checkpoint.folder / SCHEDULER_FILE, weights_only=True)
    groups = len(schedule["base_lrs"])
    schedule |= {"base_lrs": [rate] * groups, "_last_lr": [now] * groups, "last_epoch": step, "_step_count": step + 1}
    torch.save(schedule, checkpoint.folder / SCHEDULER_FILE)
    optimizer: dict[str, Any] = torch.load(checkpoint.folder / OPTIMIZER_FILE, weights_only=True)
    for group in optimizer["param_groups"]:
        decay = hyperparameters.weight_decay if group["weight_decay"] else group["weight_decay"]
        group |= {"lr": now, "initial_lr": rate, "weight_decay": decay}
    torch.save(optimizer, checkpoint.folder / OPTIMIZER_FILE)


def _factor(hyperparameters: Hyperparameters, step: int, conversations: int) -> float:
    steps = total_steps(hyperparameters, conversations)
    unused = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = get_scheduler(
        hyperparameters.lr_scheduler_type, unused, num_warmup_steps=int(hyperparameters.warmup_ratio * steps),
        num_training_steps=steps)
    return float(scheduler.lr_lambdas[0](step))
