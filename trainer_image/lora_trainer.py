"""TRL's SFTTrainer with our ideas of precision, padding, evaluation and saving."""

import logging
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, ProgressCallback
from trl import SFTConfig, SFTTrainer

from contracts.hyperparameters import Hyperparameters
from contracts.pod_environment import TOKENS_AT_ONCE
from trainer_image.checkpoints import Checkpoints
from trainer_image.data import Sample, TrainingData
from trainer_image.device import on_gpu
from trainer_image.environment import Kernels
from trainer_image.errors import is_out_of_memory
from trainer_image.evaluation import for_training, likelihoods, mean_loss
from trainer_image.kernels import apply_kernels
from trainer_image.metric_series import MetricSeries
from trainer_image.micro_batches import MemoryProof, MicroBatches, TokenBudget
from trainer_image.model import lora_config
from trainer_image.sampling import COLUMN, SampleRecord
from trainer_image.snapshot import SnapshotBuffers, take_snapshot
from trainer_image.step_batch import FirstStep, Row, collate_step, cut, longest, size
from trainer_image.training_clock import TrainingClock

_log = logging.getLogger(__name__)


def samples_per_step(hyperparameters: Hyperparameters) -> int:
    """Conversations of one optimizer step; how many are computed at once is a matter of `tokens_at_once`."""
    return hyperparameters.per_device_train_batch_size * hyperparameters.gradient_accumulation_steps


def total_steps(hyperparameters: Hyperparameters, conversations: int) -> int:
    return math.ceil(conversations / samples_per_step(hyperparameters)) * hyperparameters.num_epochs


def training_config(
    hyperparameters: Hyperparameters, folder: Path, *, conversations: int, evaluate_first: bool
) -> SFTConfig:
    return SFTConfig(
        output_dir=str(folder), seed=hyperparameters.seed, data_seed=hyperparameters.seed,
        num_train_epochs=hyperparameters.num_epochs,
        # One batch is one step; `training_step` cuts it by tokens.
        per_device_train_batch_size=samples_per_step(hyperparameters), gradient_accumulation_steps=1,
        learning_rate=hyperparameters.learning_rate, lr_scheduler_type=hyperparameters.lr_scheduler_type,
        # Whole steps, rounded down: transformers rounds a share up, and the first step of a warm-up has learning
        # rate 0. A run of nine steps would do one of them for nothing.
        warmup_steps=int(hyperparameters.warmup_ratio * total_steps(hyperparameters, conversations)),
        weight_decay=hyperparameters.weight_decay, max_grad_norm=hyperparameters.max_grad_norm,
        optim="adamw_torch_fused" if on_gpu() else "adamw_torch",
        bf16=on_gpu(), use_cpu=not on_gpu(), gradient_checkpointing=on_gpu(),
        padding_free=True, max_length=None,  # `prepare` has cut the conversations
        dataset_kwargs={"skip_prepare_dataset": True}, remove_unused_columns=False,
        dataloader_num_workers=0, dataloader_pin_memory=on_gpu(),
        eval_strategy="epoch", eval_on_start=evaluate_first,
        logging_strategy="steps", logging_steps=1, logging_nan_inf_filter=False,
        save_strategy="no", report_to="none", disable_tqdm=True,
    )


def _tell(old: int, new: int) -> None:
    _log.warning("out of memory with %d tokens at once; from now on at most %d", old, new)


class LoraTrainer(SFTTrainer):
    """Whole conversations, loss on what the assistant says.

    Adapter weights stay in float32. TRL casts those of a quantised base to bfloat16, and its Adam moments with
    them: with 8 bits of mantissa a step of 2e-4 on a weight of 0.05 is lost in rounding. The cost at r = 16 on
    70B is 1.2 GiB; the matrix products still run in bfloat16 under autocast.
    """

    def __init__(
        self, base: Any, tokenizer: Any, data: TrainingData, hyperparameters: Hyperparameters, folder: Path,
        *, metrics: MetricSeries, checkpoints: Checkpoints, recipe: dict[str, Any], evaluate_first: bool,
        tokens_at_once: int = TOKENS_AT_ONCE, on_less_at_once: Callable[[int, int], None] = _tell,
        kernels: Kernels = "reference",
    ) -> None:
        self.metrics_series, self.checkpoints, self.recipe = metrics, checkpoints, recipe
        self.record = SampleRecord(data.train, folder / "samples.jsonl")
        self.clock = TrainingClock()
        self.longest = longest(self.record.dataset_rows(data.train), samples_per_step(hyperparameters))
        self.micro_batches = MicroBatches(self, TokenBudget(tokens_at_once, size(self.longest[:1]), on_less_at_once))
        self.snapshot_buffers = SnapshotBuffers(pinned=on_gpu())
        self.base_likelihoods: dict[str, float] = {}
        self.evaluated: tuple[int, dict[str, float]] = (-1, {})
        self.held_out: Sequence[Sample] = for_training(data.held_out)
        super().__init__(
            model=base, processing_class=tokenizer, peft_config=lora_config(hyperparameters),
            args=training_config(hyperparameters, folder, conversations=len(data.train),
                                 evaluate_first=evaluate_first and bool(self.held_out)),
            train_dataset=Dataset.from_list(self.record.dataset_rows(data.train)),
            # The evaluation below reads `held_out`; transformers wants a set where eval_strategy is not "no".
            eval_dataset=Dataset.from_list(self.record.dataset_rows(data.train[:1])),
        )
        self.collate_row = self.data_collator  # type: ignore[has-type]  # TRL's, several conversations in one row
        self.data_collator = collate_step
        for parameter in self.model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        apply_kernels(self.model, kernels)
        for unwanted in (PrinterCallback, ProgressCallback):
            self.remove_callback(unwanted)
        self.add_callback(MemoryProof(self.prove_memory))

    def begin_within_step(self, seen: int) -> None:
        """The first step of this run leaves out its first `seen` conversations: they were trained before."""
        self.data_collator = FirstStep(seen)

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """One optimizer step, in micro-batches; the gradient is that of all its conversations at once."""
        rows = inputs["step"].rows
        self.record.take(rows)
        return self.micro_batches.run(rows, lambda group: self._compute(model, group, num_items_in_batch))

    def prove_memory(self) -> None:
        """Before the first step; see `MicroBatches.prove`."""
        learnt = collate_step(self.longest)["labels"].ne(-100).sum().to(self.args.device)
        self.micro_batches.prove(self.longest, lambda group: self._compute(self.model_wrapped, group, learnt))

    def _compute(self, model: Any, group: list[Row], learnt: torch.Tensor) -> torch.Tensor:
        return super().training_step(model, self.collate_row(group), learnt)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Loss per learnt token of the hold-out, in place of the mean of batch means."""
        if not self.held_out:
            return {}
        with self.clock.paused():
            found = likelihoods(self.model, self.held_out)
        if self.state.global_step == 0:
            self.base_likelihoods = found  # B is still 0: the adapter adds nothing to the base
        self.evaluated = self.state.global_step, found
        metrics = {"eval_loss": mean_loss(found, self.held_out)}
        self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)  # type: ignore[has-type]
        return metrics

    @property
    def trained_likelihoods(self) -> dict[str, float]:
        """By the weights as they are now, as far as the last evaluation measured them."""
        step, found = self.evaluated
        return found if step == self.state.global_step else {}

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step = self.state.global_step
        with self.clock.paused():
            try:
                self.checkpoints.finish()  # the one before still lies in the buffers
                snapshot = take_snapshot(
                    self, self.checkpoints.folder_for(step), self.metrics_series.rows(), self.recipe)
            except (OSError, RuntimeError) as error:  # torch.save on a full disk raises the latter
                if is_out_of_memory(error):
                    raise
                self.checkpoints.not_taken(step, error)
            else:
                self.checkpoints.save(snapshot)


def verify_loss_mask(trainer: LoraTrainer, data: TrainingData) -> None:
    """What reaches the model is the conversations of a step, whole, each from position 0, learning exactly the tokens
    of the encoded ones. Raises AssertionError."""
    rows = [trainer.train_dataset[index] for index in range(min(4, len(data.train)))]
    step = trainer.data_collator(rows)
    learnt = 0
    for group in cut(step["step"].rows, trainer.micro_batches.budget.tokens):
        learnt += _verify_row(trainer.collate_row(group), [data.train[row[COLUMN]] for row in group])
    if learnt != int((step["labels"] != -100).sum()):
        raise AssertionError(f"the micro-batches learn {learnt} tokens, the step is divided by another number")


def _verify_row(batch: dict[str, Any], samples: Sequence[Sample]) -> int:
    """Returns the tokens it learns."""
    bounds = list(pairwise(batch["cu_seq_lens_q"].tolist()))
    if len(bounds) != len(samples):
        raise AssertionError(f"the collator makes {len(bounds)} conversations of {len(samples)}")
    for (start, end), sample in zip(bounds, samples, strict=True):
        if batch["input_ids"][0, start:end].tolist() != sample.input_ids:
            raise AssertionError(f"the collator changes the tokens of {sample.name}")
        if batch["position_ids"][0, start:end].tolist() != list(range(end - start)):
            raise AssertionError(f"the positions of {sample.name} do not begin at 0")
        if batch["labels"][0, start:end].tolist() != [-100, *sample.labels[1:]]:
            raise AssertionError(f"the collator learns other tokens of {sample.name} than the encoded conversation")
    return int((batch["labels"] != -100).sum())
