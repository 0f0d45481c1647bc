"""How far a job is, as one figure."""

from contracts.job_projection import JobState
from contracts.job_status import JobStatus

# Shares of a run's progress bar; training takes nearly all of the time.
_PROGRESS_AT = {
    JobStatus.PENDING: 0.0,
    JobStatus.QUEUED: 0.0,
    JobStatus.PROVISIONING: 1.0,
    JobStatus.PREPROCESSING: 2.0,
    JobStatus.MODEL_LOADING: 4.0,
    JobStatus.TRAINING: 6.0,
    JobStatus.FINALIZATION: 96.0,
    JobStatus.COMPLETED: 100.0,
}


_BY_STEPS = (JobStatus.TRAINING, JobStatus.RECOVERING, JobStatus.PAUSED, JobStatus.FAILED, JobStatus.CANCELLED)


def progress_percentage(state: JobState) -> float:
    """0 to 100. While training the share of steps done decides; in recovery the progress kept so far."""
    begin, end = _PROGRESS_AT[JobStatus.TRAINING], _PROGRESS_AT[JobStatus.FINALIZATION]
    step = state.step if state.step is not None else state.last_checkpoint_step or 0
    done = step / state.total_steps if state.total_steps else 0.0
    if state.status in _BY_STEPS:
        # Before the first step only the stage itself says how far it is; a run that ended before had no progress.
        without_steps = begin if state.status is JobStatus.TRAINING else 0.0
        return round(begin + (end - begin) * min(1.0, done), 2) if state.total_steps else without_steps
    return _PROGRESS_AT[state.status]
