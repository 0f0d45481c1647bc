"""What the notifier needs from outside."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Notification:
    """One message to one recipient. `delivery_id` is stable over retries."""

    delivery_id: UUID
    recipient: str
    title: str
    lines: tuple[str, ...]
    link: str = ""


class DeliveryFailed(Exception):
    """The receiver surely did not take it. `permanent`: no repetition will help. `retry_after_s`: its own wish."""

    def __init__(self, reason: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.permanent, self.retry_after_s = permanent, retry_after_s


class DeliveryUncertain(Exception):
    """It was handed over, but no answer came: it may have arrived."""


class JobCreators(Protocol):
    async def email(self, workspace_id: UUID, job_id: UUID) -> str | None:
        """Of the member who created this job; None: nobody is that now. Raises DeliveryFailed without an answer."""


class Sender(Protocol):
    async def send(self, notification: Notification) -> None:
        """Raises DeliveryFailed or DeliveryUncertain."""
