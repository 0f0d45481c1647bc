"""A user's pause, or another tier: save after the step that runs, say so, end. No interruption."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from contracts.events import TrainingPaused
from contracts.job_status import JobStatus
from trainer_image.exit_codes import ExitCode

if TYPE_CHECKING:
    from trainer_image.train_lora import Attempt

_log = logging.getLogger(__name__)

# Whoever asked has a deadline of its own, after which the machine is stopped and the checkpoint before counts.
_SECONDS_TO_SAVE, _SECONDS_TO_DRAIN = 110.0, 15.0


class Paused(Exception):
    """The training ends after a step whose checkpoint was taken."""


class Pause:
    """`wanted` is told with every heartbeat, on the reporter's thread. While steps are made the training thread ends
    itself at the next one; before and after there is nothing to save, and a thread of its own ends the process."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._ending = False

    def wanted(self, reason: str) -> None:
        if self._ending:
            return
        attempt = self._attempt
        if attempt.checkpoints is not None and attempt.reporter.stage == JobStatus.TRAINING:
            attempt.checkpoints.end_after_save()
            return
        self._ending = True
        _log.warning("told to pause: %s", reason)
        threading.Thread(target=lambda: attempt.leave(self.end()), name="pause", daemon=True).start()

    def end(self) -> int:
        """The last word. The attempt's one final event: a run that has told its end already was not paused."""
        attempt = self._attempt
        attempt.last_word.acquire()
        if attempt.ends_with is not None:
            return attempt.ends_with
        if attempt.metrics is not None:
            attempt.metrics.flush()
        saved = None
        if attempt.checkpoints is not None:
            attempt.checkpoints.finish(_SECONDS_TO_SAVE)
            saved = attempt.checkpoints.newest_step
        attempt.ends_with = ExitCode.PAUSED
        attempt.reporter.publish(
            TrainingPaused, step=attempt.reporter.step, checkpoint_step=saved, paused_at=datetime.now(UTC))
        attempt.reporter.drain(_SECONDS_TO_DRAIN)
        return ExitCode.PAUSED
