"""The statuses of a job and the table of allowed moves."""

from enum import StrEnum


class JobStatus(StrEnum):
    PENDING = "pending"
    QUEUED = "queued"
    PROVISIONING = "provisioning"
    PREPROCESSING = "preprocessing"
    MODEL_LOADING = "model_loading"
    TRAINING = "training"
    FINALIZATION = "finalization"
    RECOVERING = "recovering"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobAction(StrEnum):
    START = "start"
    CANCEL = "cancel"
    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    SWITCH_TIER = "switch_tier"
    CONTINUE = "continue"
    DELETE = "delete"
    DOWNLOAD = "download"
    PROMOTE = "promote"


STAGES: tuple[JobStatus, ...] = (
    JobStatus.PREPROCESSING,
    JobStatus.MODEL_LOADING,
    JobStatus.TRAINING,
    JobStatus.FINALIZATION,
)
ACTIVE: frozenset[JobStatus] = frozenset({JobStatus.QUEUED, JobStatus.PROVISIONING, *STAGES, JobStatus.RECOVERING})
# A paused job is neither: it has no machine and holds no money, and waits for its user only.
TERMINAL: frozenset[JobStatus] = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})

_ENDS = frozenset({JobStatus.RECOVERING, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.PAUSED})

# Within one attempt events may arrive in any order, so a job may jump forwards over stages, never backwards.
TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset({JobStatus.QUEUED, JobStatus.CANCELLED}),
    JobStatus.QUEUED: frozenset({JobStatus.PROVISIONING, *STAGES, JobStatus.COMPLETED}) | _ENDS,
    # Back: there was no machine to be had, the job waits for one.
    JobStatus.PROVISIONING: frozenset({*STAGES, JobStatus.COMPLETED, JobStatus.QUEUED}) | _ENDS,
    JobStatus.PREPROCESSING: frozenset(
        {JobStatus.MODEL_LOADING, JobStatus.TRAINING, JobStatus.FINALIZATION, JobStatus.COMPLETED}
    )
    | _ENDS,
    JobStatus.MODEL_LOADING: frozenset({JobStatus.TRAINING, JobStatus.FINALIZATION, JobStatus.COMPLETED}) | _ENDS,
    JobStatus.TRAINING: frozenset({JobStatus.FINALIZATION, JobStatus.COMPLETED}) | _ENDS,
    JobStatus.FINALIZATION: frozenset({JobStatus.COMPLETED}) | _ENDS,
    # A newer attempt leaves recovery; its events may overtake `pod.requested`, hence the jumps.
    JobStatus.RECOVERING: frozenset(
        {JobStatus.PROVISIONING, *STAGES, JobStatus.COMPLETED} | _ENDS - {JobStatus.RECOVERING}
    ),
    # Completed: its machine may have been through before it heard of the pause.
    JobStatus.PAUSED: frozenset({JobStatus.QUEUED, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}

_RUNNING = (JobAction.CANCEL, JobAction.PAUSE, JobAction.SWITCH_TIER)
_ACTIONS: dict[JobStatus, tuple[JobAction, ...]] = {
    JobStatus.PENDING: (JobAction.START, JobAction.CANCEL, JobAction.DELETE),
    JobStatus.QUEUED: (JobAction.CANCEL, JobAction.PAUSE),
    JobStatus.PAUSED: (JobAction.RESUME, JobAction.CANCEL),
    # Minutes before its end a run is left alone.
    JobStatus.FINALIZATION: (JobAction.CANCEL,),
    JobStatus.COMPLETED: (JobAction.DOWNLOAD, JobAction.RETRY),
    JobStatus.FAILED: (JobAction.RETRY,),
    JobStatus.CANCELLED: (JobAction.RETRY,),
}


_CONTINUABLE = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})


def may_move(current: JobStatus, target: JobStatus) -> bool:
    return target in TRANSITIONS[current]


def allowed_actions(
    status: JobStatus, *, continuable: bool = False, waits_for_turn: bool = False
) -> tuple[JobAction, ...]:
    """What a user may do with a job in this status.

    `continuable`: a new job can go on from its checkpoint. `waits_for_turn`: it is queued behind other jobs of its
    workspace, so that it can be put in front of them.
    """
    actions = _ACTIONS.get(status, _RUNNING)
    if waits_for_turn and status is JobStatus.QUEUED:
        return (*actions, JobAction.PROMOTE)
    return (*actions, JobAction.CONTINUE) if continuable and status in _CONTINUABLE else actions
