"""The rules without I/O."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.gpus import PricingTier
from contracts.rpc.pods import ObjectRequest
from services.provisioner.domain.attempts import GiveUp, StartAgain, cause_of_exit, next_attempt, tier_for
from services.provisioner.domain.errors import KeyRefused
from services.provisioner.domain.names import parse_pod_name, pod_name
from services.provisioner.domain.policy import RetryPolicy
from services.provisioner.domain.retry_counters import Cause, RetryCounters, count
from services.provisioner.domain.storage import ObjectAddress, address, job_prefix, owns

POLICY = RetryPolicy()
JOB = UUID(int=0x0190_0000_0000_7000_8000_0000_0000_0001)
WORKSPACE = UUID(int=0x0190_0000_0000_7000_8000_0000_0000_00AA)


@given(st.uuids(), st.integers(min_value=1, max_value=10_000))
def test_a_pods_name_can_be_read_back(job_id: UUID, attempt: int) -> None:
    assert parse_pod_name(pod_name(job_id, attempt)) == (job_id, attempt)


@pytest.mark.parametrize("name", ["", "job-1-a1", "my-pod", f"job-{JOB}-a0", f"job-{JOB}-a1\n", f"xjob-{JOB}-a1"])
def test_names_of_others_are_not_ours(name: str) -> None:
    assert parse_pod_name(name) is None


@pytest.mark.parametrize(("code", "cause"), [(None, Cause.INTERRUPTED), (137, Cause.INTERRUPTED),
                                             (143, Cause.INTERRUPTED), (0, Cause.CRASHED), (1, Cause.CRASHED),
                                             (139, Cause.CRASHED)])
def test_who_was_killed_was_interrupted(code: int | None, cause: Cause) -> None:
    assert cause_of_exit(code) is cause


def test_each_cause_has_a_patience_of_its_own() -> None:
    counters = RetryCounters()
    for _ in range(POLICY.interruptions):
        counters = count(counters, Cause.INTERRUPTED, None)
        assert next_attempt(counters, Cause.INTERRUPTED, POLICY, reason="") == StartAgain(0.0)
    faulty = count(counters, Cause.CRASHED, None)
    assert isinstance(next_attempt(faulty, Cause.CRASHED, POLICY, reason=""), StartAgain)
    counters = count(counters, Cause.INTERRUPTED, None)
    assert isinstance(next_attempt(counters, Cause.INTERRUPTED, POLICY, reason=""), GiveUp)


@given(st.lists(st.tuples(st.sampled_from(Cause), st.integers(0, 50) | st.none()), max_size=40))
def test_counters_count_only_what_happened_since_the_last_progress(history: list[tuple[Cause, int | None]]) -> None:
    counters, best, since = RetryCounters(), -1, 0
    for cause, step in history:
        newest = max(best, -1 if step is None else step)
        since = 1 if newest > best else since + 1
        best = newest
        counters = count(counters, cause, None if best < 0 else best)
        assert counters.interruptions + counters.faults + counters.not_started == since
        assert counters.at_step == best


def test_auto_capacity_leaves_spot_when_it_does_not_last() -> None:
    assert tier_for(PricingTier.AUTO, RetryCounters()) is PricingTier.SPOT
    assert tier_for(PricingTier.AUTO, RetryCounters(interruptions=3)) is PricingTier.ON_DEMAND
    assert tier_for(PricingTier.AUTO, RetryCounters(not_started=1)) is PricingTier.ON_DEMAND
    assert tier_for(PricingTier.SPOT, RetryCounters(interruptions=9)) is PricingTier.SPOT


@given(st.sampled_from(["GET", "PUT"]), st.sampled_from(["checkpoints", "artifacts"]), st.text(max_size=60),
       st.integers(1, 3))
def test_no_key_leads_out_of_the_job(method: str, area: str, key: str, attempt: int) -> None:
    wanted = ObjectRequest(method=method, area=area, key=f"a{attempt}/{key}")  # type: ignore[arg-type]
    try:
        found = address(wanted, workspace_id=WORKSPACE, job_id=JOB, attempt=2, training_file=ObjectAddress("b", "k"))
    except KeyRefused:
        return
    assert found.key.startswith(f"{WORKSPACE}/{JOB}/a{attempt}/")
    assert ".." not in found.key.split("/")
    assert "//" not in found.key
    assert method == "GET" or attempt == 2


def test_ownership_of_checkpoint_objects() -> None:
    prefix = job_prefix(WORKSPACE, JOB)
    assert owns("training-checkpoints", f"{prefix}a1/step-1/manifest.json", workspace_id=WORKSPACE, job_id=JOB)
    assert not owns("model-artifacts", f"{prefix}a1/x", workspace_id=WORKSPACE, job_id=JOB)
    assert not owns("training-checkpoints", f"{WORKSPACE}/{uuid4()}/a1/x", workspace_id=WORKSPACE, job_id=JOB)
    assert not owns("training-checkpoints", f"{prefix}../{uuid4()}/x", workspace_id=WORKSPACE, job_id=JOB)
    assert not owns("training-checkpoints", prefix, workspace_id=WORKSPACE, job_id=JOB)
