"""Names in place of ids, wherever words name a person."""

import pytest

from contracts.identifiers import uuid7
from contracts.job_moves import cancelled, moved_to_tier, paused
from contracts.job_projection import JobState
from contracts.job_status import JobStatus
from services.job_api.jobs.domain.people import FORMER, subjects_in, with_names

ADA, GONE = str(uuid7()), str(uuid7())
ELSEWHERE = "7f6c2b1e-52a5-4a55-9c0e-0d7d4d0fa001"  # a subject of another issuer
NAMES = {ADA: "Ada"}


@pytest.mark.parametrize("words", [
    "Paused by {}.", "Paused by {}. Lunch.", "Cancelled by {}", "Start requested by {}: the cost is reserved.",
    "Next machine requested by {}; $1.00 expected.", "training -> paused: Paused by {}; no machine was asked for yet.",
    "{} changed the tier from spot to on_demand.", "training -> recovering: {} chose spot; the next machine goes on.",
    "Machine m was interrupted, seen by sigterm: paused by {}",
])
def test_members_are_called_by_their_names(words: str) -> None:
    assert subjects_in([words.format(ADA)]) == {ADA}
    assert with_names(words.format(ADA), NAMES) == words.format("Ada")
    assert with_names(words.format(ELSEWHERE), NAMES) == words.format(ELSEWHERE)
    assert with_names(words.format("auth0|5f7"), NAMES) == words.format("auth0|5f7")
    assert with_names(words.format(GONE), NAMES).lower() == words.format(FORMER).lower()
    assert not with_names(words.format(GONE), NAMES).startswith("a ")


def test_ids_of_other_things_stay() -> None:
    words = f"Continues job {GONE} from step 7."
    assert subjects_in([words]) == frozenset()
    assert with_names(words, NAMES) == words


@pytest.mark.parametrize("state", [
    cancelled(JobState(status=JobStatus.TRAINING), ADA, None), paused(JobState(status=JobStatus.QUEUED), ADA),
    paused(JobState(status=JobStatus.TRAINING), ADA), moved_to_tier(JobState(status=JobStatus.TRAINING), "spot", ADA)])
def test_every_reason_that_names_somebody_is_known(state: JobState) -> None:
    assert state.reason is not None
    assert ADA in state.reason.message
    assert ADA not in with_names(state.reason.message, NAMES)
