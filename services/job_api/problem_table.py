"""Every refusal of the domain and the problem document that tells it to a caller."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from chassis.problems import BadRequest, ProblemError
from chassis.web.problems import problem_response
from services.job_api.accounts import errors as accounts
from services.job_api.accounts import problems as of_accounts
from services.job_api.artifacts import errors as artifacts
from services.job_api.artifacts import problems as of_artifacts
from services.job_api.errors import DomainError
from services.job_api.files import errors as files
from services.job_api.files import problems as of_files
from services.job_api.invitations import errors as invitations
from services.job_api.invitations import problems as of_invitations
from services.job_api.jobs import errors as jobs
from services.job_api.jobs import problems as of_jobs
from services.job_api.keyset import InvalidCursor
from services.job_api.notifications import errors as notifications
from services.job_api.notifications import problems as of_notifications
from services.job_api.operations import errors as operations
from services.job_api.operations import problems as of_operations
from services.job_api.signin import errors as signin
from services.job_api.signin import problems as of_signin
from services.job_api.templates import errors as templates
from services.job_api.templates import problems as of_templates
from services.job_api.webhook import errors as webhook
from services.job_api.webhook import problems as of_webhook


def _invalid_cursor(error: InvalidCursor) -> BadRequest:
    return BadRequest(f"The cursor cannot be used: {error}.", code="invalid_cursor", title="Invalid cursor",
                      suggested_fix="Take next_cursor from a page of the same list and sort order, or start without.")


PROBLEMS: Mapping[type[DomainError], Callable[[Any], ProblemError]] = {
    InvalidCursor: _invalid_cursor,
    jobs.JobNotFound: of_jobs.job_not_found,
    jobs.MoveRefused: of_jobs.move_refused,
    jobs.UnknownTrainingFile: of_jobs.unknown_file,
    jobs.TrainingFileBlocked: of_jobs.file_blocked,
    jobs.InvalidValues: of_jobs.invalid_values,
    jobs.NotesConflict: of_jobs.notes_conflict,
    jobs.StartInProgress: of_jobs.start_in_progress,
    jobs.StartOvertaken: of_jobs.start_overtaken,
    jobs.TierUnchanged: of_jobs.tier_unchanged,
    jobs.ContinuationRefused: of_jobs.continuation_refused,
    jobs.TooManyStreams: of_jobs.too_many_streams,
    jobs.BudgetExceeded: of_jobs.budget_exceeded,
    jobs.DoesNotFit: of_jobs.does_not_fit,
    files.TrainingFileNotFound: of_files.file_not_found,
    files.TrainingFileInUse: of_files.file_in_use,
    files.NothingToPreview: of_files.nothing_to_show,
    files.TrainingFileUnreadable: of_files.unreadable,
    files.ReadingBusy: of_files.reading_busy,
    files.ReadingTooSlow: of_files.reading_too_slow,
    files.ReadingFailed: of_files.reading_failed,
    files.UploadTooSlow: of_files.upload_too_slow,
    artifacts.NoAdapter: of_artifacts.no_adapter,
    artifacts.NoMetrics: of_artifacts.no_metrics,
    artifacts.NoPyTorchWeights: of_artifacts.no_pytorch_weights,
    artifacts.ArtifactDamaged: of_artifacts.artifact_damaged,
    accounts.ApiKeyNotFound: of_accounts.api_key_not_found,
    accounts.ApiKeyNotUsable: of_accounts.api_key_not_usable,
    accounts.AlreadyExpired: of_accounts.already_expired,
    accounts.KeyWithoutUser: of_accounts.key_without_user,
    accounts.OperatorOnly: of_accounts.operator_only,
    operations.DeadLetterNotFound: of_operations.dead_letter_not_found,
    signin.SignInDisabled: of_signin.sign_in_disabled,
    signin.RedirectRefused: of_signin.redirect_refused,
    signin.SignInUnknown: of_signin.sign_in_unknown,
    signin.SignInFailed: of_signin.sign_in_failed,
    signin.SignInNotAllowed: of_signin.sign_in_not_allowed,
    signin.GrantRefused: of_signin.grant_refused,
    signin.NotASession: of_signin.not_a_session,
    accounts.MemberNotFound: of_accounts.member_not_found,
    accounts.LastAdmin: of_accounts.last_admin,
    invitations.InvitationNotFound: of_invitations.invitation_not_found,
    invitations.InvitationNotUsable: of_invitations.invitation_not_usable,
    invitations.InvitationForAnother: of_invitations.invitation_for_another,
    invitations.AddressMissing: of_invitations.address_missing,
    invitations.AlreadyMember: of_invitations.already_member,
    notifications.NoChannel: of_notifications.no_channel,
    templates.TemplateNotFound: of_templates.template_not_found,
    templates.UnknownTemplate: of_templates.unknown_template,
    templates.TemplateBuiltIn: of_templates.template_built_in,
    templates.TemplateNotYours: of_templates.template_not_yours,
    webhook.WebhookDisabled: of_webhook.webhook_disabled,
    webhook.SignatureRefused: of_webhook.signature_refused,
    webhook.NotJson: of_webhook.not_json,
    webhook.NotUnderstood: of_webhook.not_understood,
    webhook.WrongFields: of_webhook.wrong_fields,
    webhook.NoAdapterDelivered: of_webhook.no_adapter_delivered,
    webhook.EventTooLarge: of_webhook.event_too_large,
    webhook.NoWebhookSecret: of_webhook.no_webhook_secret,
    webhook.NoJobId: of_webhook.no_job_id,
    webhook.JobUnknownToPods: of_webhook.job_unknown,
}


def problem_of(error: DomainError) -> ProblemError:
    return PROBLEMS[type(error)](error)


def install(app: FastAPI) -> None:
    app.add_exception_handler(DomainError, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    return problem_response(problem_of(error), request.scope)
