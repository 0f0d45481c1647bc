"""When a machine that is not shown is gone, and what it costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.gpus import GpuType, PricingTier
from services.provisioner.domain.billing import billed_interval
from services.provisioner.domain.model import Pod, PodStatus
from services.provisioner.domain.policy import Timeouts
from services.provisioner.domain.presence import Absence, judge_absence, look_again_s

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TIMEOUTS = Timeouts(list_lag_s=60, gone_after_s=10, poll_s=15)


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOON + timedelta(seconds=seconds)


def pod(asked_at: float | None, missing_since: float | None = None) -> Pod:
    return Pod(
        pod_name="p", job_id=uuid4(), workspace_id=uuid4(), attempt=1, provider="local", gpu_type=GpuType.LOCAL,
        pricing_tier=PricingTier.SPOT, status=PodStatus.RUNNING, provider_pod_id=None, requested_at=NOON,
        create_failures=0, creating_since=None, running_since=None, last_heartbeat_at=None, last_step=None, result=None,
        stop_by=None, ended_at=None, exit_code=None, interrupted_at=None, reason="", terminated_at=None,
        create_asked_at=at(asked_at), came_up_at=None, missing_since=at(missing_since), closed_at=None,
    )


@pytest.mark.parametrize(("asked", "missing", "now", "verdict"), [
    (None, None, 0, Absence.GONE),
    (0, None, 59, Absence.FRESH),
    (0, None, 60, Absence.NOTED),
    (0, 60, 69, Absence.NOTED),
    (0, 60, 70, Absence.GONE),
    (100, 60, 130, Absence.FRESH),
])
def test_gone_is_what_was_missing_twice_after_the_list_could_know(
    asked: float | None, missing: float | None, now: float, verdict: Absence
) -> None:
    assert judge_absence(pod(asked, missing), NOON + timedelta(seconds=now), TIMEOUTS) is verdict


@given(st.floats(0, 300), st.none() | st.floats(0, 300), st.floats(0, 300))
def test_the_next_look_comes_soon_and_not_at_once(asked: float, missing: float | None, now: float) -> None:
    pause = look_again_s(pod(asked, missing), NOON + timedelta(seconds=now), TIMEOUTS)
    assert 0 < pause <= max(TIMEOUTS.poll_s, TIMEOUTS.gone_after_s)


@given(st.lists(st.none() | st.floats(0, 100), max_size=3), st.none() | st.floats(0, 100))
def test_a_bill_begins_before_it_ends(began: list[float | None], ended: float | None) -> None:
    billed = billed_interval(*map(at, began), ended_at=at(ended), now=NOON + timedelta(seconds=50))
    known = [moment for moment in map(at, began) if moment is not None]
    assert billed.since == (known[0] if known else None)
    assert billed.since is None or billed.since <= billed.until
    assert billed.until >= (at(ended) or NOON + timedelta(seconds=50))
