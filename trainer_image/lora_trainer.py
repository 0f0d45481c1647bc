"""TRL's SFTTrainer with our ideas of precision, padding, evaluation and saving."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, ProgressCallback
from trl import SFTConfig, SFTTrainer

from contracts.hyperparameters import Hyperparameters
from trainer_image.checkpoints import Checkpoints
from trainer_image.data import Sample, TrainingData
from trainer_image.device import on_gpu
from trainer_image.errors import is_out_of_memory
from trainer_image.evaluation import for_training, validation_loss
from trainer_image.metric_series import MetricSeries
from trainer_image.model import lora_config
from trainer_image.sampling import COLUMN, SampleRecord
from trainer_image.snapshot import take_snapshot
from trainer_image.training_clock import TrainingClock


def micro_batches(hyperparameters: Hyperparameters) -> tuple[int, int]:
    """(conversations at once, times accumulated); their product is the recipe's.

    A GPU gains from every token in a micro-batch (the 4-bit weights are unpacked once for all of them). A CPU
    gains nothing and would compute the padding: there, one conversation at a time. The gradient is the same,
    since TRL divides the loss by the learnt tokens of the whole step.
    """
    batch, accumulation = hyperparameters.per_device_train_batch_size, hyperparameters.gradient_accumulation_steps
    return (batch, accumulation) if on_gpu() else (1, batch * accumulation)


def total_steps(hyperparameters: Hyperparameters, conversations: int) -> int:
    samples = hyperparameters.per_device_train_batch_size * hyperparameters.gradient_accumulation_steps
    return math.ceil(conversations / samples) * hyperparameters.num_epochs


def training_config(
    hyperparameters: Hyperparameters, folder: Path, *, conversations: int, evaluate_first: bool
) -> SFTConfig:
    batch, accumulation = micro_batches(hyperparameters)
    return SFTConfig(
        output_dir=str(folder), seed=hyperparameters.seed, data_seed=hyperparameters.seed,
        num_train_epochs=hyperparameters.num_epochs,
        per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
        learning_rate=hyperparameters.learning_rate, lr_scheduler_type=hyperparameters.lr_scheduler_type,
        # Whole steps, rounded down: transformers rounds a share up, and the first step of a warm-up has learning
        # rate 0. A run of nine steps would do one of them for nothing.
        warmup_steps=int(hyperparameters.warmup_ratio * total_steps(hyperparameters, conversations)),
        weight_decay=hyperparameters.weight_decay, max_grad_norm=hyperparameters.max_grad_norm,
        optim="adamw_torch_fused" if on_gpu() else "adamw_torch",
        bf16=on_gpu(), use_cpu=not on_gpu(), gradient_checkpointing=on_gpu(),
        max_length=hyperparameters.max_seq_length, packing=False,
        dataset_kwargs={"skip_prepare_dataset": True}, remove_unused_columns=False,
        dataloader_num_workers=0, dataloader_pin_memory=on_gpu(),
        eval_strategy="epoch", eval_on_start=evaluate_first,
        logging_strategy="steps", logging_steps=1, logging_nan_inf_filter=False,
        save_strategy="no", report_to="none", disable_tqdm=True,
    )


class LoraTrainer(SFTTrainer):
    """Whole conversations, loss on what the assistant says.

    Adapter weights stay in float32. TRL casts those of a quantised base to bfloat16, and its Adam moments with
    them: with 8 bits of mantissa a step of 2e-4 on a weight of 0.05 is lost in rounding. The cost at r = 16 on
    70B is 1.2 GiB; the matrix products still run in bfloat16 under autocast.
    """

    def __init__(
        self, base: Any, tokenizer: Any, data: TrainingData, hyperparameters: Hyperparameters, folder: Path,
        *, metrics: MetricSeries, checkpoints: Checkpoints, recipe: dict[str, Any], evaluate_first: bool,
    ) -> None:
        self.metrics_series, self.checkpoints, self.recipe = metrics, checkpoints, recipe
        self.record = SampleRecord(data.train, folder / "samples.jsonl")
        self.clock = TrainingClock()
        self.held_out: Sequence[Sample] = for_training(data.held_out)
        super().__init__(
            model=base, processing_class=tokenizer, peft_config=lora_config(hyperparameters),
            args=training_config(hyperparameters, folder, conversations=len(data.train),
                                 evaluate_first=evaluate_first and bool(self.held_out)),
            train_dataset=Dataset.from_list(self.record.dataset_rows(data.train)),
            # The evaluation below reads `held_out`; transformers wants a set where eval_strategy is not "no".
            eval_dataset=Dataset.from_list(self.record.dataset_rows(data.train[:1])),
        )
        self.data_collator = self.record.collate(self.data_collator)  # type: ignore[has-type]
        for parameter in self.model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        self.model.register_forward_pre_hook(_without_padding_mask, with_kwargs=True)
        for unwanted in (PrinterCallback, ProgressCallback):
            self.remove_callback(unwanted)

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        self.record.take(inputs)
        return super().training_step(model, inputs, num_items_in_batch)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Loss per learnt token of the hold-out, in place of the mean of batch means."""
        if not self.held_out:
            return {}
        with self.clock.paused():
            metrics = {"eval_loss": validation_loss(self.model, self.held_out)}
        self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)  # type: ignore[has-type]
        return metrics

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step = self.state.global_step
        with self.clock.paused():
            try:
                snapshot = take_snapshot(
                    self, self.checkpoints.folder_for(step), self.metrics_series.rows(), self.recipe)
            except (OSError, RuntimeError) as error:  # torch.save on a full disk raises the latter
                if is_out_of_memory(error):
                    raise
                self.checkpoints.not_taken(step, error)
            else:
                self.checkpoints.save(snapshot)


def _without_padding_mask(module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Drop the mask of a right-padded training batch, so that attention takes its fast causal path.

    Exact: a causal model never looks to the right, where the padding is, and no padded position has a label.
    """
    if kwargs.get("fused_lm_head"):
        kwargs["attention_mask"] = None
    return args, kwargs


def verify_loss_mask(trainer: LoraTrainer, data: TrainingData) -> None:
    """The batch that reaches the model learns exactly the tokens of the encoded conversation, and no other."""
    rows = [trainer.train_dataset[index] for index in range(min(2, len(data.train)))]
    batch = trainer.data_collator(rows)
    for row, labels in zip(rows, batch["labels"], strict=True):
        wanted = sum(label != -100 for label in data.train[row[COLUMN]].labels)
        found = int((labels != -100).sum())
        if wanted != found:
            raise AssertionError(f"the collator learns {found} tokens, the encoded conversation {wanted}")
