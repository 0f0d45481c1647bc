"""Slack incoming webhook."""

import asyncio
import socket
from typing import Any
from urllib.error import URLError

from slack_sdk.webhook import WebhookClient

from services.notifier.ports import DeliveryFailed, DeliveryUncertain, Notification

_GONE = {400, 403, 404, 410}


class SlackSender:
    def __init__(self, webhook_url: str, timeout_s: float) -> None:
        # Its own retry handlers are off: a retry is a decision of the schedule and is recorded.
        self._client = WebhookClient(webhook_url, timeout=int(timeout_s), retry_handlers=[])

    async def send(self, notification: Notification) -> None:
        try:
            response = await asyncio.to_thread(self._client.send, text=notification.title, blocks=_blocks(notification))
        except (TimeoutError, socket.timeout) as error:  # noqa: UP041  urllib raises either, by phase
            raise DeliveryUncertain("Slack did not answer in time") from error
        except (URLError, OSError) as error:
            # The URL is a secret; urllib's messages carry only the reason.
            raise DeliveryFailed(f"Slack is not reachable: {getattr(error, 'reason', error)}") from error
        if response.status_code != 200:
            raise _refusal(response)


def _refusal(response: Any) -> DeliveryFailed:
    asked = response.headers.get("Retry-After") or response.headers.get("retry-after")
    return DeliveryFailed(
        f"Slack answered {response.status_code}: {response.body[:200]}",
        permanent=response.status_code in _GONE,
        retry_after_s=float(asked) if asked and str(asked).isdigit() else None,
    )


def _blocks(notification: Notification) -> list[dict[str, Any]]:
    """Plain text only: nothing that a job's name contains becomes markup."""
    lines = [*notification.lines, *([notification.link] if notification.link else [])]
    return [
        {"type": "header", "text": {"type": "plain_text", "text": notification.title[:150]}},
        {"type": "section", "text": {"type": "plain_text", "text": "\n".join(lines)[:2900]}},
    ]
