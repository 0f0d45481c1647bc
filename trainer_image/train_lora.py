"""One attempt of one job, from the training file to the verified adapter. Read it from top to bottom.

    python -m trainer_image          (what to train comes in BRIGHTRUN_POD_SPEC)

Four stages: preprocessing, model_loading, training, finalization. Everything that is told goes through the
`Reporter`, a thread of its own with a journal on disk, so that nothing here ever waits for the network but
the files themselves. Heavy libraries are imported where they are first needed: `training.started` is published
before, within a second of the process's start.
"""

import logging
import os
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

from contracts.error_taxonomy import ERROR_CLASSES
from contracts.events import (
    InterruptionSource,
    PodInterrupted,
    TrainingFailed,
    TrainingResumed,
    TrainingStarted,
)
from contracts.job_status import JobStatus
from trainer_image import interruption
from trainer_image.environment import BadEnvironment, TrainerEnvironment, read_environment
from trainer_image.errors import TimeLimitExceeded, classify
from trainer_image.exit_codes import ExitCode
from trainer_image.libraries import prepare_libraries
from trainer_image.machine import GpuReadings
from trainer_image.own_machine import delete_own_machine
from trainer_image.pausing import Pause, Paused
from trainer_image.reporter import Reporter
from trainer_image.start_warnings import warn_about_attention, warn_about_data
from trainer_image.versions import library_versions

_log = logging.getLogger(__name__)
# RunPod kills five seconds after SIGTERM.
_SECONDS_TO_FINISH_CHECKPOINT, _SECONDS_TO_FLUSH = 3.5, 1.0
_SECONDS_TO_DRAIN = 60.0
# Nobody kills an attempt that was left alone: it has more time to save.
_SECONDS_TO_SAVE_ALONE = 30.0


def main() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs URLs, and ours carry signatures
    try:
        environment = read_environment()
    except BadEnvironment as error:
        _log.error("%s", error)
        leave(ExitCode.BAD_ENVIRONMENT)
    leave(Attempt(environment).run())


def leave(code: int) -> None:
    """End the process now. The interpreter's own end would wait for threads that wait for the network."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


class Attempt:
    """`situation` is what an error message may need to know; it grows as the run goes on. Whoever holds `last_word`
    ends the attempt, with `ends_with`."""

    leave = staticmethod(leave)

    def __init__(self, environment: TrainerEnvironment) -> None:
        self.environment, self.spec = environment, environment.spec
        self.folder = environment.work_dir
        self.folder.mkdir(parents=True, exist_ok=True)
        self.began = time.monotonic()
        self.situation: dict[str, Any] = {}
        self.metrics: Any = None
        self.checkpoints: Any = None
        self.last_word = threading.Lock()
        self.ends_with: int | None = None
        self.pause = Pause(self)
        interruption.watch(lambda received: self.interrupted(received.name))
        self.reporter = Reporter(self.spec, environment.nats_credentials, self.folder, on_stop=stop_silently,
                                 on_pause=self.pause.wanted)

    def run(self) -> int:
        self.reporter.publish(TrainingStarted, pid=os.getpid(), host=socket.gethostname(), started_at=datetime.now(UTC))
        self.reporter.start()
        watchdog = threading.Timer(self.spec.max_duration_s, self.out_of_time)
        watchdog.daemon = True
        watchdog.start()
        self.reporter.lease.watch(self.abandoned)
        try:
            self.train()
        except Paused:
            return self.pause.end()
        except BaseException as error:
            return self.failed(error)
        if not self.reporter.drain(_SECONDS_TO_DRAIN):
            _log.warning("the broker is still away; result.json beside the artifacts holds the final events")
        return ExitCode.COMPLETED

    def train(self) -> None:
        prepare_libraries(self.environment.base_model)
        spec, reporter = self.spec, self.reporter
        hyperparameters = spec.hyperparameters

        # 1. The training file becomes token sequences, split by conversation.
        reporter.enter(JobStatus.PREPROCESSING)
        from trainer_image.checkpoints import Checkpoints
        from trainer_image.data import fetch_conversations, prepare
        from trainer_image.hub import fetch_weights, find_base_model
        from trainer_image.metric_series import MetricSeries
        from trainer_image.objects import Objects
        from trainer_image.resume import newest_usable_checkpoint, recipe

        objects = Objects(reporter)
        conversations = fetch_conversations(objects, self.folder, spec.training_file_sha256)
        from trainer_image import model as models

        base = find_base_model(self.environment.base_model)
        tokenizer = models.load_tokenizer(base)
        self.situation["context_length"] = models.context_length(models.load_config(base))
        max_length = min(hyperparameters.max_seq_length, self.situation["context_length"])
        data = prepare(conversations, tokenizer.backend_tokenizer, hyperparameters, max_length)
        self.situation.update(
            per_device_train_batch_size=hyperparameters.per_device_train_batch_size, max_seq_length=max_length,
            tokens_at_once=spec.tokens_at_once,
            longest_conversation_tokens=len(data.longest.input_ids), longest_conversation=data.longest.name)
        warn_about_data(reporter, data, max_length)

        # 2. The base in 4 bits, an adapter on all its linear layers, and the newest checkpoint, if there is one.
        reporter.enter(JobStatus.MODEL_LOADING, f"{len(data.train)} conversations to train, "
                       f"{len(data.held_out)} held out", base_model=base.given, revision=base.revision)
        from trainer_image.continuation import continued
        from trainer_image.delivery.size import verify_adapter_size
        from trainer_image.finalization import Finished
        from trainer_image.lora_trainer import LoraTrainer, verify_loss_mask
        from trainer_image.progress import Progress
        from trainer_image.run_health.watch import HealthWatch
        from trainer_image.snapshot import base_likelihoods

        this_recipe = recipe(spec, base)
        checkpoint = newest_usable_checkpoint(reporter, objects, self.folder / "checkpoints", this_recipe)
        if spec.continues and (checkpoint is None or checkpoint.job_id):
            checkpoint = continued(checkpoint, spec, len(data.train))
        fetch_weights(base)
        loaded = models.load_base_model(base)
        warn_about_attention(reporter, loaded.model.config)
        self.metrics = MetricSeries(reporter)
        self.checkpoints = Checkpoints(reporter, objects, self.folder / "checkpoints")
        trainer = LoraTrainer(
            loaded.model, tokenizer, data, hyperparameters, self.folder, metrics=self.metrics,
            checkpoints=self.checkpoints, recipe=this_recipe, evaluate_first=checkpoint is None,
            tokens_at_once=spec.tokens_at_once, kernels=self.environment.kernels,
            on_less_at_once=lambda old, new: self.less_at_once(old, new, trainer.state.global_step))
        verify_loss_mask(trainer, data)
        verify_adapter_size(trainer.model, hyperparameters.lora_rank)
        progress = Progress(reporter, self.metrics, self.checkpoints, GpuReadings(), trainer.record, trainer.clock)
        trainer.add_callback(progress)
        reporter.every_second(progress.tell)
        health = HealthWatch(reporter, trainer.clock, GpuReadings(), self.folder)
        trainer.add_callback(health)
        reporter.every_second(health.tick)

        # 3. Train. Checkpoints and metrics leave on other threads.
        reporter.enter(JobStatus.TRAINING, checkpoint.origin if checkpoint else "")
        if checkpoint is not None:
            self.metrics.restore(checkpoint.metrics, checkpoint.step)
            self.checkpoints.resumed(checkpoint.step, checkpoint.kept)
            trainer.base_likelihoods = base_likelihoods(checkpoint.folder)
            reporter.publish(TrainingResumed, resumed_from_step=checkpoint.step, checkpoint_attempt=checkpoint.attempt)
            trainer.begin_within_step(checkpoint.seen_in_step)
        trainer.train(resume_from_checkpoint=str(checkpoint.folder) if checkpoint else None)
        if self.checkpoints.ending:
            raise Paused
        self.metrics.flush()

        # 4. Measure, write, verify, upload, tell.
        reporter.enter(JobStatus.FINALIZATION)
        self.finalize(Finished(trainer, tokenizer, data, base, loaded.quantization, self.metrics), objects)

    def less_at_once(self, old: int, new: int, step: int) -> None:
        """Memory did not hold `old` tokens at once: the training goes on in this process, with `new`."""
        self.situation.update(tokens_at_once=new)
        self.reporter.warn(
            "out_of_memory_recovered", f"The memory does not hold {old:,} tokens at once. The training goes on from "
            f"the end of step {step} and computes at most {new:,} at once: the same conversations in every step, and "
            "nothing that was learnt is lost.", step)

    def finalize(self, finished: Any, objects: Any) -> None:
        from trainer_image.finalization import deliver
        from trainer_image.result import upload_result

        final_events = deliver(finished, self.reporter, objects, self.checkpoints, self.folder / "delivery",
                             seconds=time.monotonic() - self.began)
        upload_result(objects, self.spec.attempt, final_events)
        with self.last_word:
            for event in final_events:
                self.reporter.send(event)
            self.ends_with = ExitCode.COMPLETED

    def failed(self, error: BaseException) -> int:
        """Publish why, in words and figures; the stack trace goes to the log only."""
        if not self.last_word.acquire(blocking=False):
            time.sleep(_SECONDS_TO_DRAIN)  # the other thread that failed ends the process
        _log.error("the training failed", exc_info=error)
        self.situation.update(stage=self.reporter.stage, step=self.reporter.step, **GpuReadings().memory())
        failure = classify(error, self.situation)
        known = ERROR_CLASSES[failure.error_type]
        event = self.reporter.prepare(
            TrainingFailed, error_type=failure.error_type, error_code=failure.error_code, message=str(failure),
            suggested_fix=failure.suggested_fix or known.suggested_fix,
            retryable=known.retryable if failure.retryable is None else failure.retryable,
            context={**failure.context, "versions": library_versions()}, failed_at=datetime.now(UTC))
        if self.metrics is not None:
            self.metrics.flush()
        self.reporter.send(event)
        self.ends_with = ExitCode.FAILED
        self.keep_result(event)
        self.reporter.drain(15.0)
        return ExitCode.FAILED

    def keep_result(self, event: Any) -> None:
        from trainer_image.objects import Objects
        from trainer_image.result import upload_result

        try:
            upload_result(Objects(self.reporter, patience_s=20.0), self.spec.attempt, [event])
        except Exception as error:
            _log.warning("result.json could not be stored: %s", error)

    def out_of_time(self) -> None:
        """The dead man's switch of the pod itself: it holds where nobody outside is left to stop the machine."""
        code = self.failed(TimeLimitExceeded(
            f"The training was stopped after its time limit of {self.spec.max_duration_s / 3600:.1f} h, at step "
            f"{self.reporter.step}.", max_duration_s=self.spec.max_duration_s))
        delete_own_machine()
        leave(code)

    def abandoned(self) -> None:
        """The other one: nobody has answered for so long that nobody may be left who pays for this machine, or ends it.
        """
        _log.error("nobody has answered a heartbeat for %.0f s", self.spec.lease_s)
        self.save_what_fits(f"no heartbeat was answered for {self.spec.lease_s:.0f} s", InterruptionSource.HEARTBEAT,
                            min(_SECONDS_TO_SAVE_ALONE, self.spec.lease_s))
        delete_own_machine()
        leave(ExitCode.ABANDONED)

    def interrupted(self, reason: str) -> None:
        self.save_what_fits(reason, InterruptionSource.SIGTERM, _SECONDS_TO_FINISH_CHECKPOINT)
        leave(ExitCode.INTERRUPTED)

    def save_what_fits(self, reason: str, detected_by: InterruptionSource, seconds: float) -> None:
        """First the event, then whatever still fits: metrics, a checkpoint, the spool.

        A run that has published its end was not interrupted: it is told to end, as it would have.
        """
        if self.ends_with is not None:
            self.reporter.drain(seconds)
            leave(self.ends_with)
        self.reporter.publish_at_once(
            PodInterrupted, pod_name=self.spec.pod_name, detected_by=detected_by, reason=reason,
            last_step=self.reporter.step, interrupted_at=datetime.now(UTC))
        if self.metrics is not None:
            self.metrics.flush()
        if self.checkpoints is not None and self.reporter.stage == JobStatus.TRAINING:
            self.checkpoints.want_one_now()
            self.checkpoints.wait_for_wanted(seconds)
        self.reporter.drain(_SECONDS_TO_FLUSH)


def stop_silently(reason: str) -> None:
    """The attempt no longer counts: whatever it would publish now could only confuse."""
    _log.warning("told to stop: %s", reason)
    leave(ExitCode.STOPPED)


if __name__ == "__main__":
    main()
