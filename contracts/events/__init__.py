"""Every event of the system, by name."""

from contracts.events.checkpoint import CheckpointFile, CheckpointManifest, CheckpointSaved, JoinedFile
from contracts.events.cost import BudgetExceeded, BudgetThreshold, CostOverrun, CostUpdated
from contracts.events.evaluation import ConversationLikelihood, EvaluationGenerated
from contracts.events.job import (
    JobCancelled,
    JobCancelRequested,
    JobCompleted,
    JobCreated,
    JobDeleted,
    JobFailed,
    JobPauseRequested,
    JobPromoted,
    JobQueued,
    JobStartRequested,
    JobStatusChanged,
    JobTierChangeRequested,
    TrainingFileReference,
)
from contracts.events.log import LogLevel, LogLine, LogReported
from contracts.events.metrics import METRIC_NAMES, MetricsReported
from contracts.events.pod import (
    InterruptionSource,
    PodFailed,
    PodInterrupted,
    PodRequested,
    PodRunning,
    PodTerminated,
)
from contracts.events.training import (
    ArtifactFile,
    TrainingCompleted,
    TrainingFailed,
    TrainingPaused,
    TrainingProgressed,
    TrainingResumed,
    TrainingStageChanged,
    TrainingStarted,
    TrainingWarning,
)
from contracts.events.validation import ValidationUpdated

__all__ = [
    "METRIC_NAMES",
    "ArtifactFile",
    "BudgetExceeded",
    "BudgetThreshold",
    "CheckpointFile",
    "CheckpointManifest",
    "CheckpointSaved",
    "ConversationLikelihood",
    "CostOverrun",
    "CostUpdated",
    "EvaluationGenerated",
    "InterruptionSource",
    "JobCancelRequested",
    "JobCancelled",
    "JobCompleted",
    "JobCreated",
    "JobDeleted",
    "JobFailed",
    "JobPauseRequested",
    "JobPromoted",
    "JobQueued",
    "JobStartRequested",
    "JobStatusChanged",
    "JobTierChangeRequested",
    "JoinedFile",
    "LogLevel",
    "LogLine",
    "LogReported",
    "MetricsReported",
    "PodFailed",
    "PodInterrupted",
    "PodRequested",
    "PodRunning",
    "PodTerminated",
    "TrainingCompleted",
    "TrainingFailed",
    "TrainingFileReference",
    "TrainingPaused",
    "TrainingProgressed",
    "TrainingResumed",
    "TrainingStageChanged",
    "TrainingStarted",
    "TrainingWarning",
    "ValidationUpdated",
]
