"""Errors of the domain as problem documents."""

from collections.abc import Iterator
from contextlib import contextmanager

from chassis.problems import ProblemError
from services.cost_guard.domain.estimate import RateUnknown


@contextmanager
def problems() -> Iterator[None]:
    try:
        yield
    except RateUnknown as unknown:
        raise ProblemError(
            code="gpu_rate_unknown",
            title="No rate for this machine",
            status=422,
            detail=f"There is no hourly rate for {unknown.gpu_type.value} as {unknown.tier.value}.",
            suggested_fix="An admin can set it with PUT /api/training/rates.",
        ) from None
