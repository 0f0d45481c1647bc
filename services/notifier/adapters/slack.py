"""Slack incoming webhook."""

import asyncio
from typing import Any

import httpx

from services.notifier.ports import DeliveryFailed, DeliveryUncertain, Notification

# Raised before the first byte of the request is sent: address, connection, proxy's tunnel, TLS.
_BEFORE_THE_REQUEST = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_GONE = {400, 403, 404, 410}
# A gateway speaks for itself: the server behind it may have taken the message.
_GATEWAY_LOST_IT = {502, 504}
_LONGEST_REASON = 200


class SlackSender:
    """`step_timeout_s` is for each step (connect, send, answer), `limit_s` for all together."""

    def __init__(self, webhook_url: str, step_timeout_s: float, limit_s: float) -> None:
        self._url, self._step_timeout_s, self._limit_s = webhook_url, step_timeout_s, limit_s

    async def send(self, notification: Notification) -> None:
        try:
            async with asyncio.timeout(self._limit_s), httpx.AsyncClient(timeout=self._step_timeout_s) as client:
                await self._post(client, {"text": notification.title, "blocks": _blocks(notification)})
        except _BEFORE_THE_REQUEST as error:
            raise DeliveryFailed(f"Slack is not reachable: {error}") from error
        except (httpx.TransportError, TimeoutError) as error:
            raise DeliveryUncertain(f"Slack's answer was lost ({type(error).__name__})") from error

    async def _post(self, client: httpx.AsyncClient, content: dict[str, Any]) -> None:
        """The status decides: an answer that breaks off behind it changes nothing."""
        async with client.stream("POST", self._url, json=content) as response:
            if response.status_code in _GATEWAY_LOST_IT:
                raise DeliveryUncertain(f"Slack's gateway answered {response.status_code}")
            if not response.is_success:
                raise _refusal(response, await _reason(response))


async def _reason(response: httpx.Response) -> str:
    """The beginning of the body, or of what came of it."""
    reason = b""
    try:
        async for chunk in response.aiter_bytes(_LONGEST_REASON):
            reason += chunk
            if len(reason) >= _LONGEST_REASON:
                break
    except httpx.HTTPError:
        pass
    return reason[:_LONGEST_REASON].decode(errors="replace")


def _refusal(response: httpx.Response, reason: str) -> DeliveryFailed:
    asked = response.headers.get("retry-after", "")
    return DeliveryFailed(
        f"Slack answered {response.status_code}: {reason}",
        permanent=response.status_code in _GONE,
        retry_after_s=float(asked) if asked.isdigit() else None,
    )


def _blocks(notification: Notification) -> list[dict[str, Any]]:
    """Plain text only: nothing that a job's name contains becomes markup."""
    lines = [*notification.lines, *([notification.link] if notification.link else [])]
    return [
        {"type": "header", "text": {"type": "plain_text", "text": notification.title[:150]}},
        {"type": "section", "text": {"type": "plain_text", "text": "\n".join(lines)[:2900]}},
    ]
