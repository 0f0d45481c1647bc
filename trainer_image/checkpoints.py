"""Checkpoints leave the machine beside the training: one at a time, the manifest last, the newest three kept."""

import hashlib
import logging
import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.events import CheckpointFile, CheckpointManifest, CheckpointSaved
from contracts.rpc.pods import DELETE_CHECKPOINT, DeleteCheckpoint
from trainer_image.broker import Refused
from trainer_image.errors import DeliveryError, TrainerError
from trainer_image.objects import Objects
from trainer_image.reporter import Reporter
from trainer_image.snapshot import Snapshot

_log = logging.getLogger(__name__)

MANIFEST = "manifest.json"


def checkpoint_prefix(attempt: int, step: int) -> str:
    """Below the job's own prefix in the area `checkpoints`."""
    return f"a{attempt}/step-{step}"


class Checkpoints:
    """`due` is asked after every step, `save` hands a snapshot over and returns at once when none is in flight.

    `kept`: (step, attempt) of the complete checkpoints, oldest first, those of earlier attempts included.
    """

    def __init__(self, reporter: Reporter, objects: Objects, folder: Path) -> None:
        self._reporter, self._objects, self._folder = reporter, objects, folder
        self._spec = reporter.spec
        self.kept: list[tuple[int, int]] = []
        self._last_step, self._last_time = 0, time.monotonic()
        self._first, self._wanted = True, False
        self._idle = threading.Event()
        self._idle.set()
        self._failure: TrainerError | None = None

    def resumed(self, step: int, kept: list[tuple[int, int]]) -> None:
        self.kept, self._last_step, self._first = sorted(kept), step, False

    def due(self, step: int, total_steps: int) -> bool:
        """Every N steps or T seconds, whichever is first; after the first step, to fail early; after the last."""
        if self._failure is not None:
            raise self._failure
        if step == total_steps:
            return step > self._last_step
        if not self._idle.is_set():
            return False
        return (self._first or self._wanted or step - self._last_step >= self._spec.checkpoint_every_steps
                or time.monotonic() - self._last_time >= self._spec.checkpoint_every_s)

    def folder_for(self, step: int) -> Path:
        folder = self._folder / f"step-{step}"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def save(self, snapshot: Snapshot) -> None:
        """Waits only for a checkpoint that is still in flight, which `due` avoids but for the last step."""
        self._idle.wait()
        self._idle.clear()
        self._last_step, self._last_time, self._wanted = snapshot.step, time.monotonic(), False
        threading.Thread(target=self._run, args=(snapshot,), name="checkpoint", daemon=True).start()

    def want_one_now(self) -> None:
        """The machine is about to go: save after the step that runs, if no checkpoint is in flight."""
        self._wanted = True

    def finish(self, timeout_s: float | None = None) -> bool:
        """Wait for the checkpoint in flight; False when the time is over."""
        return self._idle.wait(timeout_s)

    def wait_for_wanted(self, timeout_s: float) -> None:
        """After `want_one_now`: until it is taken and uploaded, or the time is over."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and (self._wanted or not self._idle.is_set()):
            time.sleep(0.02)

    def _run(self, snapshot: Snapshot) -> None:
        began = time.monotonic()
        try:
            if not snapshot.finite:
                return self._not_finite(snapshot.step)
            snapshot.write()
            self._check_first(snapshot)
            saved = self._upload(snapshot)
            _log.info("checkpoint of step %d: %.1f MB in %.1f s", snapshot.step, saved["size_bytes"] / 1e6,
                      time.monotonic() - began)
            self._reporter.say(CheckpointSaved, **saved)
            self._drop_oldest(snapshot.step)
        except DeliveryError as error:
            self._failure = error
        except Exception as error:
            # A run without this checkpoint is worth more than no run.
            _log.exception("checkpoint of step %d", snapshot.step)
            self._reporter.warn("checkpoint_not_saved", f"The checkpoint of step {snapshot.step} could not be "
                                f"stored ({type(error).__name__}); the training goes on.", snapshot.step)
        finally:
            shutil.rmtree(snapshot.folder, ignore_errors=True)
            self._idle.set()

    def _not_finite(self, step: int) -> None:
        """Nothing goes on from there: what was saved before stays."""
        self._reporter.warn("checkpoint_not_finite", f"After step {step} weights or optimizer hold values that are no "
                            "numbers; this checkpoint is not kept.", step)

    def _check_first(self, snapshot: Snapshot) -> None:
        if self._first and not snapshot.readable():
            raise DeliveryError(f"The first checkpoint (step {snapshot.step}) cannot be read back from disk.")
        self._first = False

    def _upload(self, snapshot: Snapshot) -> dict[str, Any]:
        prefix = checkpoint_prefix(self._spec.attempt, snapshot.step)
        files = []
        for path in sorted(snapshot.folder.iterdir()):
            stored = self._objects.put_file("checkpoints", f"{prefix}/{path.name}", path)
            files.append(CheckpointFile(path=path.name, key=stored.key, size_bytes=stored.size_bytes,
                                        sha256=stored.sha256))
        now = datetime.now(UTC)
        manifest = CheckpointManifest(job_id=str(self._spec.job_id), attempt=self._spec.attempt, step=snapshot.step,
                                      files=tuple(files), saved_at=now).model_dump_json().encode()
        stored = self._objects.put_bytes("checkpoints", f"{prefix}/{MANIFEST}", manifest)
        return {
            "step": snapshot.step, "bucket": stored.bucket, "prefix": stored.key.removesuffix(MANIFEST),
            "manifest_key": stored.key, "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
            "files": tuple(files), "size_bytes": sum(file.size_bytes for file in files), "saved_at": now,
        }

    def _drop_oldest(self, step: int) -> None:
        self.kept.append((step, self._spec.attempt))
        while len(self.kept) > self._spec.checkpoints_kept:
            old_step, old_attempt = self.kept[0]
            try:
                self._reporter.ask(DELETE_CHECKPOINT, DeleteCheckpoint(
                    attempt=self._spec.attempt, checkpoint_attempt=old_attempt, step=old_step), patience_s=30)
            except Refused as error:
                _log.warning("old checkpoint not dropped: %s", error)
            except TrainerError as error:
                _log.warning("old checkpoint dropped later: %s", error)
                return
            self.kept.pop(0)
