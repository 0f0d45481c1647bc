"""Training files: what comes in, what is checked, and the one form that is stored and trained."""

from contracts.chat import Conversation, Turn
from contracts.training_file.canonical import (
    CANONICAL_MEDIA_TYPE,
    canonical_line,
    canonical_lines,
    content_sha256,
    read_canonical,
)
from contracts.training_file.grouping import IssueGroup, group_issues
from contracts.training_file.importer import ImportResult, import_training_file, read_training_file
from contracts.training_file.issues import CODES, REFUSALS, Issue, Severity
from contracts.training_file.layout import FORMAT_NAMES, Format
from contracts.training_file.refusals import (
    TrainingFileRefused,
    TrainingFileTooLarge,
    UnsupportedTrainingFile,
)
from contracts.training_file.report import ImportReport
from contracts.training_file.split import Split, hold_out

__all__ = [
    "CANONICAL_MEDIA_TYPE",
    "CODES",
    "FORMAT_NAMES",
    "REFUSALS",
    "Conversation",
    "Format",
    "ImportReport",
    "ImportResult",
    "Issue",
    "IssueGroup",
    "Severity",
    "Split",
    "TrainingFileRefused",
    "TrainingFileTooLarge",
    "Turn",
    "UnsupportedTrainingFile",
    "canonical_line",
    "canonical_lines",
    "content_sha256",
    "group_issues",
    "hold_out",
    "import_training_file",
    "read_canonical",
    "read_training_file",
]
