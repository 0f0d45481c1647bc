"""Who is told: by configuration, and the job's creator."""

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from services.notifier.domain.messages import Message


class Channel(StrEnum):
    SLACK = "slack"
    EMAIL = "email"
    LOG = "log"


NOBODY_MUTED: Set[str] = frozenset()


@dataclass(frozen=True)
class Address:
    channel: Channel
    recipient: str = ""


@dataclass(frozen=True)
class Audience:
    """What is configured. `job_creator`: also write to who created the job, when that is an e-mail address."""

    slack: bool = False
    email: bool = False
    recipients: tuple[str, ...] = ()
    job_creator: bool = True


def addresses_for(message: Message, audience: Audience, muted: Set[str] = NOBODY_MUTED) -> list[Address]:
    """The log, when nothing is configured. `muted`: channels by which the workspace does not want to hear of it."""
    found = [Address(Channel.SLACK)] if audience.slack else []
    if audience.email:
        creator = message.creator if audience.job_creator and "@" in message.creator else ""
        recipients = dict.fromkeys([*audience.recipients, *([creator] if creator else [])])
        found += [Address(Channel.EMAIL, recipient) for recipient in recipients]
    return [address for address in found or [Address(Channel.LOG)] if address.channel not in muted]
