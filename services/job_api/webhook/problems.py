"""Refusals of webhooks as problem documents."""

from chassis.problems import BadRequest, Invalid, NotFound, ProblemError, Unauthenticated
from chassis.web.problems.validation import validation_problem
from services.job_api.webhook.errors import JobUnknownToPods, NotJson, NotUnderstood, SignatureRefused, WrongFields

_FIX = "Send an event envelope of a pod, or {\"event\": ..., \"job_id\": ...} with the fields of that event."


def webhook_disabled(_: object) -> NotFound:
    return NotFound("The webhook is switched off.", code="webhook_disabled",
                    suggested_fix="Set BRIGHTRUN_WEBHOOK_SECRET on the server and on the pods.")


def signature_refused(error: SignatureRefused) -> Unauthenticated:
    return Unauthenticated(f"The webhook was refused: {error}.", code="invalid_signature",
                           suggested_fix="Sign '<t>.<body>' with the shared secret and check the clock.")


def not_json(error: NotJson) -> BadRequest:
    return BadRequest(str(error), code="invalid_json", suggested_fix=_FIX)


def not_understood(error: NotUnderstood) -> Invalid:
    return Invalid(str(error).capitalize() + ".", code="unknown_event_type", suggested_fix=_FIX)


def wrong_fields(error: WrongFields) -> ProblemError:
    return validation_problem([item | {"loc": ("body", *item["loc"])} for item in error.errors])


def no_job_id(_: object) -> Invalid:
    return Invalid("job_id must be a UUID.", suggested_fix=_FIX)


def job_unknown(error: JobUnknownToPods) -> NotFound:
    return NotFound(f"There is no job {error.job_id}.", code="job_not_found",
                    suggested_fix="Send the job_id that the pod was started with.")
