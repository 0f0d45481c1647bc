"""Why a file is not taken, shown or deleted, and what to do about it."""

from chassis.problems import BadRequest, Conflict, Invalid, NotFound, ProblemError, ServiceUnavailable
from contracts.training_file import REFUSALS, TrainingFileTooLarge
from contracts.training_file.json_source import MAX_BYTES
from services.job_api.files.errors import (
    NothingToPreview,
    ReadingTooSlow,
    Refusal,
    TrainingFileInUse,
    TrainingFileNotFound,
    TrainingFileUnreadable,
)

_HOW = "Send multipart/form-data with the file in the field 'file', for example curl -F file=@conversations.json ..."


def unreadable(error: TrainingFileUnreadable) -> ProblemError:
    """The importer's refusal with its status (413, 415 or 422), code and place."""
    return _refused(error.refusal)


def _refused(refusal: Refusal) -> ProblemError:
    extra = {"place": refusal.place} if refusal.place else {}
    return ProblemError(
        refusal.code,
        REFUSALS.get(refusal.code, "The file cannot be used"),
        refusal.status,
        _sentence(refusal.message),
        refusal.suggested_fix or "Correct the file and upload it again.",
        retryable=False,
        **extra,
    )


def too_large(limit: int = MAX_BYTES) -> ProblemError:
    text = f"the file is larger than {limit // 1_000_000:,} MB"
    return _refused(TrainingFileTooLarge("TF002_too_large", text, suggested_fix="Split the file."))


def reading_busy(_: object) -> ServiceUnavailable:
    return ServiceUnavailable(
        "Other files are being read, and too many wait already.",
        code="reading_busy",
        title="Too many files at once",
        suggested_fix="Repeat the request after the time given in Retry-After.",
        retry_after_s=10,
    )


def reading_too_slow(error: ReadingTooSlow) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"Reading the file took more than {error.limit_s:,.0f} seconds and was stopped.",
        code="reading_too_slow",
        title="Reading the file took too long",
        suggested_fix="Split the file and upload the parts.",
        retryable=False,
    )


def reading_failed(_: object) -> ServiceUnavailable:
    return ServiceUnavailable(
        "The process that read the file ended before it was done; nothing was stored.",
        code="reading_failed",
        title="Reading the file was interrupted",
        suggested_fix="Try again. If it happens again, split the file, and tell the operator: the log says why.",
        retry_after_s=5,
    )


def not_a_form() -> ProblemError:
    return ProblemError(
        "unsupported_media_type", "Unsupported media type", 415, "The body is not a multipart form.", _HOW
    )


def malformed_form(reason: str) -> BadRequest:
    return BadRequest(
        f"The form cannot be read: {reason}.", code="malformed_form", title="Malformed form", suggested_fix=_HOW
    )


def wrong_field(field: str, message: str, fix: str) -> Invalid:
    entry = {"field": field, "in": "body", "message": message, "suggested_fix": fix}
    return Invalid(f"{field}: {message}", errors=[entry], suggested_fix=fix)


def file_not_found(error: TrainingFileNotFound) -> NotFound:
    return NotFound(
        f"There is no training file {error.file_id} in your workspace.",
        code="training_file_not_found",
        suggested_fix="Check the id; GET /api/training/files shows your files.",
    )


def upload_too_slow(_: object) -> ServiceUnavailable:
    return ServiceUnavailable("Storing the file took too long.", code="upload_too_slow")


def file_in_use(error: TrainingFileInUse) -> Conflict:
    """409 that names the jobs."""
    names = ", ".join(f"{job['name']!r} ({job['status']})" for job in error.jobs) + (", ..." if error.more else "")
    return Conflict(
        f"The training file {error.name!r} is used by: {names}.",
        code="training_file_in_use",
        title="The training file is in use",
        suggested_fix="Delete the jobs that were never started. A file that was trained on is kept, so that every "
        "adapter can be traced to its data.",
        jobs=[{"id": str(job["id"]), "name": job["name"], "status": job["status"]} for job in error.jobs],
    )


def nothing_to_show(error: NothingToPreview) -> Conflict:
    return Conflict(
        f"This file has {error.errors:,} errors and will not be trained, so there is nothing to preview.",
        code="training_file_invalid",
        title="The training file cannot be used",
        suggested_fix=f"Correct what GET /api/training/files/{error.file_id} lists under report.issues and upload it "
        "again.",
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
