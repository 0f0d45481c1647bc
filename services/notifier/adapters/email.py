"""E-mail by SMTP."""

from email.message import EmailMessage

import aiosmtplib

from services.notifier.ports import DeliveryFailed, Notification
from services.notifier.settings import Settings


class EmailSender:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, notification: Notification) -> None:
        settings = self._settings
        try:
            await aiosmtplib.send(
                _message(notification, settings.email_from),
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_username or None,
                password=settings.smtp_password.get_secret_value() or None,
                start_tls=settings.smtp_start_tls,
                timeout=settings.send_timeout_s,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = error.recipients[0]
            raise DeliveryFailed(f"{refused.code} {refused.message}", permanent=refused.code >= 500) from error
        except aiosmtplib.SMTPResponseException as error:
            raise DeliveryFailed(f"{error.code} {error.message}", permanent=error.code >= 500) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            # After a time-out it is sent again: receivers drop a second copy by its Message-ID.
            raise DeliveryFailed(f"the mail server is not reachable: {error}") from error


def _message(notification: Notification, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = sender, notification.recipient
    message["Subject"] = " ".join(notification.title.split())  # a job's name may not add header lines
    message["Message-ID"] = f"<{notification.delivery_id}@brightrun>"
    message.set_content("\n".join((*notification.lines, "", notification.link)).rstrip() + "\n")
    return message
