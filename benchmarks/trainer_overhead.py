"""Our trainer against a bare TRL script: `python -m benchmarks.trainer_overhead [--json PATH] [--rounds N]`.

Same base, data, seed and rows without padding; the measured span is `train()`. Our arm samples conversations, reports
every step to a real broker and uploads checkpoints to a real storage; the other does nothing but train. Evaluation is
off in both: it is work that was asked for, not overhead. Adapters are float32 in both: TRL's own bfloat16 is emulated
on a CPU, 13 % slower, and would flatter us. The arms alternate in one process (A B B A ...), so that a machine that
gets slower treats both alike.
"""

import argparse
import asyncio
import json
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from contracts.hyperparameters import HyperparameterOverrides
from contracts.local_base_model import SHIPPED_BASE_MODEL
from contracts.presets import resolve
from contracts.streams import CONSUMERS, STREAMS
from contracts.training_file import read_training_file
from stack.parts import NatsPart, S3Part
from tests.trainer_image.provisioner import BUCKETS, Provisioner
from trainer_image.libraries import prepare_libraries

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "examples/sample.json"
MAX_TOKENS = 1024
HYPERPARAMETERS = resolve("balanced", HyperparameterOverrides(num_epochs=3, max_seq_length=MAX_TOKENS))


class Seconds(NamedTuple):
    """`cpu` counts all threads of the process: a figure that other programs hardly change."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s (cpu {self.cpu:.2f} s)"


def main() -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--base-model", type=Path, default=SHIPPED_BASE_MODEL)
    options = parser.parse_args()
    prepare_libraries(str(options.base_model))
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        figures = compare(Arms(folder, options.base_model, cleanup), options.rounds)
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures))
    return figures


def compare(arms: "Arms", rounds: int) -> dict[str, float]:
    """The quickest run of each arm: what other programs do to a run only ever adds."""
    seconds: dict[str, list[Seconds]] = {"bare": [], "ours": []}
    arms.bare(), arms.ours()  # the first runs pay for lazy imports and allocators
    for number in range(rounds):
        order: list[tuple[str, Callable[[], Seconds]]] = [("bare", arms.bare), ("ours", arms.ours)]
        for name, arm in order if number % 2 == 0 else reversed(order):
            seconds[name].append(arm())
        print(f"round {number + 1}: bare {seconds['bare'][-1]}, ours {seconds['ours'][-1]}", flush=True)
    bare, ours = (min(run.wall for run in seconds[name]) for name in ("bare", "ours"))
    bare_cpu, ours_cpu = (min(run.cpu for run in seconds[name]) for name in ("bare", "ours"))
    return {"trainer_bare_s": bare, "trainer_ours_s": ours, "trainer_ratio": ours / bare,
            "trainer_overhead_percent": (ours / bare - 1) * 100,
            "trainer_cpu_overhead_percent": (ours_cpu / bare_cpu - 1) * 100}


class Arms:
    def __init__(self, folder: Path, base_model: Path, cleanup: ExitStack) -> None:
        from trainer_image import model
        from trainer_image.data import prepare
        from trainer_image.hub import find_base_model

        self.folder, self.runs = folder, 0
        self.base = find_base_model(str(base_model))
        self.tokenizer = model.load_tokenizer(self.base)
        with SAMPLE.open("rb") as file:
            conversations = read_training_file(file, file_name=SAMPLE.name).conversations
        prepared = prepare(conversations, self.tokenizer.backend_tokenizer, HYPERPARAMETERS, MAX_TOKENS)
        self.data = replace(prepared, held_out=())
        self.nats, self.s3 = NatsPart(folder / "nats"), S3Part(folder / "s3")
        self.s3.create_buckets(tuple(BUCKETS.values()))
        for part in (self.nats, self.s3):
            part.start()
            cleanup.callback(part.stop)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.wait(apply_topology(self.nats.url))

    def wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def bare(self) -> Seconds:
        """What a person writes who only wants to train."""
        from datasets import Dataset
        from transformers import PrinterCallback
        from trl import SFTTrainer

        from trainer_image.lora_trainer import training_config
        from trainer_image.model import load_base_model, lora_config

        args = training_config(HYPERPARAMETERS, self.folder / "bare", conversations=len(self.data.train),
                               evaluate_first=False)
        args.eval_strategy = "no"
        trainer = SFTTrainer(
            model=load_base_model(self.base).model, args=args, processing_class=self.tokenizer,
            peft_config=lora_config(HYPERPARAMETERS), train_dataset=Dataset.from_list(
                [{"input_ids": sample.input_ids, "labels": sample.labels} for sample in self.data.train]))
        trainer.remove_callback(PrinterCallback)
        for parameter in trainer.model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        return timed(trainer.train)

    def ours(self) -> Seconds:
        from trainer_image.checkpoints import Checkpoints
        from trainer_image.lora_trainer import LoraTrainer
        from trainer_image.machine import GpuReadings
        from trainer_image.metric_series import MetricSeries
        from trainer_image.model import load_base_model
        from trainer_image.objects import Objects
        from trainer_image.progress import Progress
        from trainer_image.reporter import Reporter

        self.runs += 1
        folder = self.folder / f"run-{self.runs}"
        provisioner = Provisioner(self.s3)
        self.wait(provisioner.start(self.nats.url))
        spec = provisioner.spec(self.nats.url, base_model=self.base.given, hyperparameters=HYPERPARAMETERS,
                                training_file_sha256="", checkpoint_every_s=10.0)
        reporter = Reporter(spec, "", folder, on_stop=print)
        reporter.start()
        metrics, objects = MetricSeries(reporter), Objects(reporter)
        checkpoints = Checkpoints(reporter, objects, folder / "checkpoints")
        trainer = LoraTrainer(
            load_base_model(self.base).model, self.tokenizer, self.data, HYPERPARAMETERS, folder, metrics=metrics,
            checkpoints=checkpoints, recipe={}, evaluate_first=False)
        trainer.add_callback(Progress(reporter, metrics, checkpoints, GpuReadings(), trainer.record, trainer.clock))
        reporter.every_second(metrics.flush)
        seconds = timed(trainer.train)
        checkpoints.finish(30)
        assert reporter.drain(30), "the broker did not confirm every event"
        self.wait(provisioner.stop())
        return seconds


def timed(function: Callable[[], Any]) -> Seconds:
    began, worked = time.perf_counter(), time.process_time()
    function()
    return Seconds(time.perf_counter() - began, time.process_time() - worked)


async def apply_topology(url: str) -> None:
    import nats

    from chassis.messaging import topology

    client = await nats.connect(url)
    await topology.apply(client.jetstream(timeout=10), STREAMS, CONSUMERS)
    await client.close()


if __name__ == "__main__":
    main()
