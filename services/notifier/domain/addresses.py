"""Who is told: by configuration, and who created the job."""

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from services.notifier.domain.messages import Message


class Channel(StrEnum):
    SLACK = "slack"
    EMAIL = "email"
    LOG = "log"


# In place of a recipient: the address is asked for when the message leaves. An empty group in the words of RFC 5322: a
# sender that does not know this mark has nobody to write to.
JOB_CREATOR = "job-creator:;"

NOBODY_MUTED: Set[str] = frozenset()


class NobodyToTell(Exception):
    """There is no address to send it to, or it has the message already; says why."""


@dataclass(frozen=True)
class Address:
    channel: Channel
    recipient: str = ""


@dataclass(frozen=True)
class Audience:
    """What is configured. `job_creator`: what concerns a job is also written to who created it."""

    slack: bool = False
    email: bool = False
    recipients: tuple[str, ...] = ()
    job_creator: bool = True


def addresses_for(message: Message, audience: Audience, muted: Set[str] = NOBODY_MUTED) -> list[Address]:
    """The log, when nothing is configured. `muted`: channels by which the workspace does not want to hear of it."""
    found = [Address(Channel.SLACK)] if audience.slack else []
    if audience.email:
        creator = _creator(message) if audience.job_creator else ()
        found += [Address(Channel.EMAIL, recipient) for recipient in dict.fromkeys((*audience.recipients, *creator))]
    return [address for address in found or [Address(Channel.LOG)] if address.channel not in muted]


def creators_address(email: str | None, audience: Audience) -> str:
    """Where to write to who created a job. Raises NobodyToTell."""
    if not email:
        raise NobodyToTell("Who created the job is no member with an e-mail address")
    if email.casefold() in map(str.casefold, audience.recipients):
        raise NobodyToTell("Who created the job is told as a recipient of the installation")
    return email


def _creator(message: Message) -> tuple[str, ...]:
    """Some issuers of tokens name people by their address; of others only job_api knows it."""
    if "@" in message.creator:
        return (message.creator,)
    return (JOB_CREATOR,) if message.job_id else ()
