"""Who hears of a message: by configuration, and the job's creator."""

from services.notifier.domain import Channel, Message
from services.notifier.ports import Address
from services.notifier.settings import Settings


def addresses_for(message: Message, settings: Settings) -> list[Address]:
    """At least one: the log, when nothing is configured."""
    found = [Address(Channel.SLACK)] if settings.slack_webhook_url.get_secret_value() else []
    if settings.smtp_host:
        creator = message.creator if settings.email_job_creator and "@" in message.creator else ""
        recipients = dict.fromkeys([*settings.email_to, *([creator] if creator else [])])
        found += [Address(Channel.EMAIL, recipient) for recipient in recipients]
    return found or [Address(Channel.LOG)]
