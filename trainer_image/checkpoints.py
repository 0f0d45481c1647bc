"""Checkpoints leave the machine beside the training: one at a time, the manifest last, the newest three kept."""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.events import CheckpointManifest, CheckpointSaved
from contracts.rpc.pods import DELETE_CHECKPOINT, DeleteCheckpoint
from trainer_image.broker import Refused
from trainer_image.checkpoint_files import upload
from trainer_image.disk import has_room, is_full, require_room
from trainer_image.errors import CheckpointDamaged, DiskFull, NetworkLost, StorageFailed, TrainerError
from trainer_image.objects import Objects
from trainer_image.reporter import Reporter
from trainer_image.save_schedule import SaveSchedule

if TYPE_CHECKING:
    from trainer_image.snapshot import Snapshot

_log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
_SECONDS_TO_TELL = 30.0


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
        self._schedule = SaveSchedule(self._spec.checkpoint_every_steps, self._spec.checkpoint_every_s)
        self._proven = False
        self._idle = threading.Event()
        self._idle.set()
        self._failure: TrainerError | None = None
        # The run ends with the checkpoint that is taken next.
        self.ending = False

    def resumed(self, step: int, kept: list[tuple[int, int]]) -> None:
        self.kept, self._proven = sorted(kept), True
        self._schedule.resumed(step)

    def due(self, step: int, total_steps: int) -> bool:
        """Raises StorageFailed when the first one could not be saved and never will be."""
        if self._failure is not None:
            raise self._failure
        can_wait = step != total_steps and not self.ending
        return (self._idle.is_set() or not can_wait) and self._schedule.due(step, total_steps)

    def folder_for(self, step: int) -> Path:
        folder = self._folder / f"step-{step}"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def save(self, snapshot: Snapshot) -> None:
        """Waits only for a checkpoint that is still in flight, which `due` avoids but for the last one of a run."""
        self._idle.wait()
        self._idle.clear()
        self._schedule.tried(snapshot.step)
        threading.Thread(target=self._run, args=(snapshot,), name="checkpoint", daemon=True).start()

    def want_one_now(self) -> None:
        """The machine is about to go: save after the step that runs, if no checkpoint is in flight."""
        self._schedule.wanted = True

    def end_after_save(self) -> None:
        """Save after the step that runs, and make no other one (`ending`)."""
        self.ending = self._schedule.wanted = True

    @property
    def newest_step(self) -> int | None:
        return self.kept[-1][0] if self.kept else None

    def finish(self, timeout_s: float | None = None) -> bool:
        """Wait for the checkpoint in flight; False when the time is over."""
        return self._idle.wait(timeout_s)

    def wait_for_wanted(self, timeout_s: float) -> None:
        """After `want_one_now`: until it is taken and uploaded, or the time is over."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and (self._schedule.wanted or not self._idle.is_set()):
            time.sleep(0.02)

    def drop_local(self, before_step: int) -> None:
        """Folders on this disk that nobody needs any more: what was resumed from, and what is left of older steps."""
        for folder in self._folder.glob("*"):
            step = folder.name.removeprefix("step-")
            if not step.isdigit() or int(step) < before_step:
                shutil.rmtree(folder, ignore_errors=True)

    def not_taken(self, step: int, error: Exception) -> None:
        """The training could not even take a snapshot."""
        self._schedule.tried(step)
        self._not_saved(step, error)

    def _not_saved(self, step: int, error: Exception) -> None:
        """A run without this checkpoint is worth more than no run, unless none will ever be saved."""
        pause = self._schedule.failed()
        _log.error("checkpoint of step %d", step, exc_info=error)
        shutil.rmtree(self._folder / f"step-{step}", ignore_errors=True)  # first: a full disk takes no event either
        if not self._proven and not isinstance(error, NetworkLost | Refused):
            kind = DiskFull if is_full(error) else StorageFailed
            self._failure = error if isinstance(error, TrainerError) else kind(
                f"The first checkpoint (step {step}) could not be stored: {_reason(error)}.")
            return
        self._reporter.warn("checkpoint_not_saved", f"The checkpoint of step {step} could not be stored: "
                            f"{_reason(error)}. The training goes on; the next try is {pause:.0f} s away.", step)

    def _run(self, snapshot: Snapshot) -> None:
        began = time.monotonic()
        try:
            if not snapshot.finite:
                return self._not_finite(snapshot.step)
            self._write(snapshot)
            saved = self._upload(snapshot)
            _log.info("checkpoint of step %d: %.1f MB in %.1f s", snapshot.step, saved["size_bytes"] / 1e6,
                      time.monotonic() - began)
            self._reporter.publish(CheckpointSaved, **saved)
            self._proven = True
            self._schedule.succeeded()
            self._drop_oldest(snapshot.step)
        except Exception as error:
            self._not_saved(snapshot.step, error)
        finally:
            shutil.rmtree(snapshot.folder, ignore_errors=True)
            self._idle.set()

    def _not_finite(self, step: int) -> None:
        """Nothing goes on from there: what was saved before stays."""
        self._reporter.warn("checkpoint_not_finite", f"After step {step} weights or optimizer hold values that are no "
                            "numbers; this checkpoint is not kept.", step)

    def _write(self, snapshot: Snapshot) -> None:
        """Raises OSError, or StorageFailed when the first one cannot be read back."""
        if not has_room(self._folder, snapshot.size_bytes):
            self.drop_local(snapshot.step)
        require_room(self._folder, snapshot.size_bytes)
        snapshot.write()
        if not self._proven and not snapshot.readable():
            raise CheckpointDamaged(f"The first checkpoint (step {snapshot.step}) cannot be read back from disk.",
                                    checkpoint_step=snapshot.step)

    def _upload(self, snapshot: Snapshot) -> dict[str, Any]:
        prefix = checkpoint_prefix(self._spec.attempt, snapshot.step)
        stored = upload(self._objects, prefix, snapshot.folder, self._spec.checkpoint_part_bytes)
        # Whoever goes on from here does not compute these steps again: their metrics must not go with this machine.
        if not self._reporter.tell_all(_SECONDS_TO_TELL):
            _log.warning("the broker has not confirmed all that was measured before step %d", snapshot.step)
        now = datetime.now(UTC)
        content = CheckpointManifest(
            job_id=str(self._spec.job_id), attempt=self._spec.attempt, step=snapshot.step, files=stored.files,
            joined=stored.joined, saved_at=now).model_dump_json().encode()
        manifest = self._objects.put_bytes("checkpoints", f"{prefix}/{MANIFEST}", content)
        return {
            "step": snapshot.step, "bucket": manifest.bucket, "prefix": manifest.key.removesuffix(MANIFEST),
            "manifest_key": manifest.key, "manifest_sha256": hashlib.sha256(content).hexdigest(),
            "files": stored.files, "size_bytes": sum(file.size_bytes for file in stored.files), "saved_at": now,
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


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text if isinstance(error, TrainerError) else f"{type(error).__name__}: {text[:300]}"
