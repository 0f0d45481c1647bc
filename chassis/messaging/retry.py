"""What a failure means for the message: give up at once, count a try, or wait without counting."""

import json
from enum import Enum

import nats.errors
import nats.js.errors
from faststream.exceptions import SubscriberNotFound
from pydantic import ValidationError

from chassis.database.engine import is_transient
from chassis.problems import problem_for
from contracts.registry import UnknownEventType


class Permanent(Exception):
    """Raised by a handler for a message that no repetition can make acceptable; it is dead-lettered at once."""


class Failure(Enum):
    PERMANENT = "permanent"  # dead-letter now
    COUNTED = "counted"  # one try of the retry table used up
    DEFERRED = "deferred"  # infrastructure is away: try again later, without limit


_PERMANENT = (
    Permanent, ValidationError, json.JSONDecodeError, UnicodeDecodeError, UnknownEventType, SubscriberNotFound,
)
_NATS_AWAY = (
    nats.errors.TimeoutError,
    nats.errors.ConnectionClosedError,
    nats.errors.NoServersError,
    nats.errors.NoRespondersError,
    nats.errors.OutboundBufferLimitError,
    nats.js.errors.ServiceUnavailableError,
    nats.js.errors.NoStreamResponseError,
)
_UNAVAILABLE = 503


def classify(error: BaseException) -> Failure:
    """Sort an error that a handler, the database or the parser raised."""
    if isinstance(error, _PERMANENT):
        return Failure.PERMANENT
    if is_transient(error) or isinstance(error, _NATS_AWAY):
        return Failure.DEFERRED
    if type(error) is TimeoutError:  # a handler that takes too long: its own fault until shown otherwise
        return Failure.COUNTED
    problem = problem_for(error)
    return Failure.DEFERRED if problem is not None and problem.status == _UNAVAILABLE else Failure.COUNTED


