"""Refusals of webhooks as problem documents."""

from chassis.problems import BadRequest, Invalid, NotFound, PayloadTooLarge, ProblemError, Unauthenticated
from chassis.web.problems.validation import validation_problem
from services.job_api.webhook.errors import (
    EventTooLarge,
    JobUnknownToPods,
    NotJson,
    NotUnderstood,
    SignatureRefused,
    WrongFields,
)

_FIX = "Send an event envelope of a pod, or {\"event\": ..., \"job_id\": ...} with the fields of that event."


def webhook_disabled(_: object) -> NotFound:
    return NotFound("The webhook is switched off.", code="webhook_disabled",
                    suggested_fix="An admin makes a secret for the workspace: POST /api/training/webhook/secret.")


def signature_refused(error: SignatureRefused) -> Unauthenticated:
    return Unauthenticated(f"The webhook was refused: {error}.", code="invalid_signature",
                           suggested_fix="Sign '<t>.<body>' with your workspace's secret and check the clock.")


def not_json(error: NotJson) -> BadRequest:
    return BadRequest(str(error), code="invalid_json", suggested_fix=_FIX)


def not_understood(error: NotUnderstood) -> Invalid:
    return Invalid(str(error).capitalize() + ".", code="unknown_event_type", suggested_fix=_FIX)


def wrong_fields(error: WrongFields) -> ProblemError:
    return validation_problem([item | {"loc": ("body", *item["loc"])} for item in error.errors])


def no_adapter_delivered(_: object) -> Invalid:
    detail = "A completed run must name the adapter's weights among its artifacts."
    fix = "Upload adapter_model.safetensors (or adapter_model.bin) and name it under 'artifacts'."
    return Invalid(detail, code="no_adapter_delivered", title="No adapter", suggested_fix=fix,
                   errors=[{"field": "artifacts", "in": "body", "message": detail, "suggested_fix": fix}])


def event_too_large(error: EventTooLarge) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"As a message {error.kind} would have {error.size:,} bytes; {error.limit:,} are possible.",
        suggested_fix="Send smaller batches.")


def no_webhook_secret(_: object) -> NotFound:
    return NotFound("Your workspace has no webhook secret.", code="webhook_secret_not_found",
                    suggested_fix="Make one: POST /api/training/webhook/secret.")


def no_job_id(_: object) -> Invalid:
    return Invalid("job_id must be a UUID.", suggested_fix=_FIX)


def job_unknown(error: JobUnknownToPods) -> NotFound:
    return NotFound(f"There is no job {error.job_id}.", code="job_not_found",
                    suggested_fix="Send the job_id that the pod was started with.")
