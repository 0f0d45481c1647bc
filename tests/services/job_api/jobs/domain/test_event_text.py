"""What the log says of events."""

import pytest

from contracts.example_events import examples
from services.job_api.jobs.domain.event_text import describe


@pytest.mark.parametrize(("size_bytes", "words"), [(0, "0 bytes"), (1, "1 byte"), (2_048, "2,048 bytes")])
def test_a_checkpoint_is_as_large_as_it_is(size_bytes: int, words: str) -> None:
    saved = examples()["checkpoint.saved"].data.model_copy(update={"step": 7, "size_bytes": size_bytes})
    assert describe(saved).message == f"Checkpoint of step 7 saved ({words})."


@pytest.mark.parametrize(("total_steps", "words"), [(1, "1 step"), (1_200, "1,200 steps")])
def test_a_training_has_as_many_steps_as_it_has(total_steps: int, words: str) -> None:
    completed = examples()["training.completed"].data.model_copy(
        update={"total_steps": total_steps, "training_seconds": 3.2})
    assert describe(completed).message == f"Training completed after {words} in 3 s."
