"""How an answer travels: a model as JSON, or a problem document that the caller raises again."""

import structlog
from faststream.nats import NatsResponse
from pydantic import BaseModel, ValidationError

from chassis.messaging.metrics import ANSWERS
from chassis.problems import MEDIA_TYPE, Invalid, ProblemError, problem_for

_log = structlog.get_logger(__name__)


class BadRequestBody(ValueError):
    """What came is not the request's model."""

    def __init__(self, error: ValidationError) -> None:
        super().__init__(str(error))
        self.fields = [
            {"field": ".".join(str(part) for part in item["loc"]), "message": item["msg"]} for item in error.errors()
        ]


def reply_of(kind: str, answer: BaseModel) -> NatsResponse:
    ANSWERS.labels(kind, "ok").inc()
    return NatsResponse(answer.model_dump_json().encode(), headers={"content-type": "application/json"})


def reply_to_error(kind: str, error: Exception) -> NatsResponse:
    problem = _problem_of(kind, error)
    ANSWERS.labels(kind, "unavailable" if problem.status >= 500 else "refused").inc()
    document = problem.to_problem().model_dump_json(exclude_none=True)
    return NatsResponse(document.encode(), headers={"content-type": MEDIA_TYPE})


def _problem_of(kind: str, error: Exception) -> ProblemError:
    method = kind.rpartition(".")[2]
    if isinstance(error, BadRequestBody):
        return Invalid(f"The request to {method} is not valid.", errors=error.fields)
    if (problem := problem_for(error)) is not None:
        return problem
    _log.error("request_failed", method=method, exc_info=error)
    return ProblemError("internal_error", "Internal error", 500, f"Answering {method} failed unexpectedly.",
                        "Repeat the request; if it fails again, report the trace id.")
