"""The rules without I/O."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.gpus import PricingTier
from contracts.rpc.pods import ObjectRequest
from services.provisioner.domain.attempts import GiveUp, StartAgain, cause_of_exit, next_attempt, tier_for
from services.provisioner.domain.limits import Limits
from services.provisioner.domain.names import parse_pod_name, pod_name
from services.provisioner.domain.storage import KeyRefused, ObjectAddress, address, job_prefix, owns
from services.provisioner.domain.strikes import Cause, Strikes, count

LIMITS = Limits()
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
    strikes = Strikes()
    for _ in range(LIMITS.interruptions):
        strikes = count(strikes, Cause.INTERRUPTED, None)
        assert next_attempt(strikes, Cause.INTERRUPTED, LIMITS, reason="") == StartAgain(0.0)
    faulty = count(strikes, Cause.CRASHED, None)
    assert isinstance(next_attempt(faulty, Cause.CRASHED, LIMITS, reason=""), StartAgain)
    strikes = count(strikes, Cause.INTERRUPTED, None)
    assert isinstance(next_attempt(strikes, Cause.INTERRUPTED, LIMITS, reason=""), GiveUp)


@given(st.lists(st.tuples(st.sampled_from(Cause), st.integers(0, 50) | st.none()), max_size=40))
def test_strikes_count_only_what_happened_since_the_last_progress(history: list[tuple[Cause, int | None]]) -> None:
    strikes, best, since = Strikes(), -1, 0
    for cause, step in history:
        newest = max(best, -1 if step is None else step)
        since = 1 if newest > best else since + 1
        best = newest
        strikes = count(strikes, cause, None if best < 0 else best)
        assert strikes.interruptions + strikes.faults + strikes.not_started == since
        assert strikes.at_step == best


def test_auto_capacity_leaves_spot_when_it_does_not_last() -> None:
    assert tier_for(PricingTier.AUTO, Strikes()) is PricingTier.SPOT
    assert tier_for(PricingTier.AUTO, Strikes(interruptions=3)) is PricingTier.ON_DEMAND
    assert tier_for(PricingTier.AUTO, Strikes(not_started=1)) is PricingTier.ON_DEMAND
    assert tier_for(PricingTier.SPOT, Strikes(interruptions=9)) is PricingTier.SPOT


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
