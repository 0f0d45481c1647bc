"""Refusals about notifications as problem documents."""

from chassis.problems import Conflict


def no_channel(_: object) -> Conflict:
    return Conflict(
        "This installation has neither Slack nor a recipient of mail set up.", code="no_notification_channel",
        title="Nothing to send it by",
        suggested_fix="Whoever runs the server sets BRIGHTRUN_SLACK_WEBHOOK_URL, or BRIGHTRUN_SMTP_HOST and "
                      "BRIGHTRUN_EMAIL_TO.")
