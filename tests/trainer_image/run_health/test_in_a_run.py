"""The rules in a real training."""

import pytest

from contracts.events import TrainingWarning
from tests.trainer_image.conftest import Bench
from tests.trainer_image.runs import stored


@pytest.mark.slow
async def test_a_run_that_learns_nothing_is_warned_about_once(bench: Bench) -> None:
    run = bench.run(overrides={"learning_rate": 1e-6, "num_epochs": 4}).start()
    assert await run.finished() == 0, run.log()
    warnings = [event.data for event in await stored(bench.stream, "TRAINING", run.spec.job_id)
                if isinstance(event.data, TrainingWarning)]
    assert [warning.code for warning in warnings] == ["loss_plateau"]
    assert warnings[0].step == 10
    assert "2 of 4 epochs are left" in warnings[0].message
