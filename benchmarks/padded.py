"""TRL as it comes, to compare with: a preset's own micro-batches, each padded to its longest, and SDPA with a mask."""

from typing import Any

from contracts.hyperparameters import Hyperparameters
from trainer_image.lora_trainer import LoraTrainer


class Padded(LoraTrainer):
    """`one_by_one`: one conversation in each micro-batch, which needs no padding and unpacks the base most often."""

    def __init__(self, base: Any, tokenizer: Any, data: Any, hyperparameters: Hyperparameters, *rest: Any,
                 one_by_one: bool = False, **more: Any) -> None:
        from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

        base.set_attn_implementation("sdpa")
        super().__init__(base, tokenizer, data, hyperparameters, *rest, **more)
        batch, accumulation = (hyperparameters.per_device_train_batch_size,
                               hyperparameters.gradient_accumulation_steps)
        if one_by_one:
            batch, accumulation = 1, batch * accumulation
        self.args.per_device_train_batch_size = self._train_batch_size = batch
        self.args.gradient_accumulation_steps = accumulation
        self.accelerator.gradient_accumulation_steps = 1
        self.collate_padded = DataCollatorForLanguageModeling(pad_token_id=tokenizer.pad_token_id)
        self.data_collator = self._collate

    def prove_memory(self) -> None:
        """There is nothing to halve here."""

    def _collate(self, rows: list[Any]) -> dict[str, Any]:
        return {**self.collate_padded(rows), "sample": [row["sample"] for row in rows]}

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        from trl import SFTTrainer

        self.record.current += [self.record._samples[number] for number in inputs.pop("sample")]
        return SFTTrainer.training_step(self, model, inputs, num_items_in_batch)
