"""E-mail by SMTP."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import aiosmtplib

from services.notifier.ports import DeliveryFailed, DeliveryUncertain, Notification
from services.notifier.settings import Settings


class EmailSender:
    """A server is responsible for a mail from its answer to the content on; before the content leaves, nothing is
    delivered. What fails in between is uncertain."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, notification: Notification) -> None:
        with _unnamed(notification.recipient):
            await self._send(notification)

    async def _send(self, notification: Notification) -> None:
        client = self._client()
        try:
            message = _message(notification, self._settings.email_from)
            async with asyncio.timeout(self._settings.send_limit_s), client:
                await client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal(error.recipients[0]) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(error) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            if not client.content_begun:
                raise DeliveryFailed(f"the mail was not handed over: {error!r}") from error
            if not client.taken:
                raise DeliveryUncertain(f"the mail server's answer was lost: {error!r}") from error
        except ValueError as error:  # after OSError: a certificate that is not trusted is both
            raise DeliveryFailed(f"the address is not one to write to: {error}", permanent=True) from error

    def _client(self) -> "_Client":
        settings = self._settings
        return _Client(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username or None,
            password=settings.smtp_password.get_secret_value() or None,
            start_tls=settings.smtp_start_tls,
            timeout=settings.send_timeout_s,
        )


class _Client(aiosmtplib.SMTP):
    """Remembers how far it came."""

    content_begun = taken = False

    async def data(self, *arguments: Any, **options: Any) -> aiosmtplib.SMTPResponse:
        self.content_begun = True
        response = await super().data(*arguments, **options)
        self.taken = True
        return response


@contextmanager
def _unnamed(address: str) -> Iterator[None]:
    """Servers repeat the address that they refuse; people's belong neither into logs nor into what is kept."""
    try:
        yield
    except (DeliveryFailed, DeliveryUncertain) as error:
        error.args = (re.sub(re.escape(address), "<recipient>", str(error), flags=re.IGNORECASE),)
        raise


def _refusal(answer: Any) -> DeliveryFailed:
    return DeliveryFailed(f"{answer.code} {answer.message}", permanent=answer.code >= 500)


def _message(notification: Notification, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = sender, notification.recipient
    message["Subject"] = " ".join(notification.title.split())  # a job's name may not add header lines
    message["Message-ID"] = f"<{notification.delivery_id}@brightrun>"
    message.set_content("\n".join((*notification.lines, "", notification.link)).rstrip() + "\n")
    return message
