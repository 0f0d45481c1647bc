import math
import random

import pytest

from tests.trainer_image.run_health.curves import found, healthy
from trainer_image.run_health.plateau import LossPlateau
from trainer_image.run_health.rising_loss import RisingLoss

# Recorded: forty steps in eight epochs of the tests' own tiny model, which learns slowly.
RECORDED = [
    5.948, 5.943, 5.943, 5.915, 5.864, 5.839, 5.824, 5.785, 5.766, 5.74, 5.73, 5.728, 5.748, 5.715, 5.716, 5.688, 5.682,
    5.679, 5.64, 5.596, 5.576, 5.553, 5.534, 5.53, 5.51, 5.505, 5.477, 5.473, 5.463, 5.457, 5.449, 5.444, 5.451, 5.432,
    5.432, 5.424, 5.447, 5.423, 5.426, 5.431]


@pytest.mark.parametrize("rule", [RisingLoss, LossPlateau])
def test_no_healthy_curve_warns(rule: type[RisingLoss] | type[LossPlateau]) -> None:
    warned = {seed: alarms for seed in range(150) if (alarms := found(rule().look, *healthy(seed)))}
    assert warned == {}
    assert found(rule().look, 8, RECORDED) == []


@pytest.mark.parametrize("per_step", [0.01, 0.03])
def test_a_loss_that_rises_slowly_is_seen_long_before_it_has_doubled(per_step: float) -> None:
    epochs, losses = 3, healthy(7)[1][:100]
    level = sum(losses[-20:]) / 20
    random.seed(1)
    losses += [level * (1 + per_step * n) * random.lognormvariate(0.0, 0.05) for n in range(200)]
    step, finding = found(RisingLoss().look, epochs, losses)[0]
    assert finding.code == "loss_rising"
    assert 100 < step < 100 + 0.8 / per_step
    assert "% more" in finding.message
    assert "learning_rate" in finding.message


def test_a_loss_that_explodes_is_seen_at_once() -> None:
    losses = [2.0 * 0.99**n for n in range(60)] + [1.1 * 1.5**n for n in range(20)]
    step, _ = found(RisingLoss().look, 3, losses)[0]
    assert step <= 60 + 10


def test_one_hard_batch_is_no_rise_and_what_is_no_number_is_anothers_to_tell() -> None:
    calm = [2.0 * 0.995**n + 0.02 * (-1) ** n for n in range(200)]
    assert found(RisingLoss().look, 3, [*calm[:100], 20.0, *calm[101:]]) == []
    assert found(RisingLoss().look, 3, [*calm[:100], math.nan, math.inf, *calm[102:]]) == []


def flat(epochs: int, an_epoch: int, level: float = 1.5, noise: float = 0.05) -> list[float]:
    random.seed(3)
    batches = [level * random.lognormvariate(0.0, noise) for _ in range(an_epoch)]
    return [loss * random.lognormvariate(0.0, 0.003) for _ in range(epochs) for loss in batches]


def test_a_loss_that_does_not_fall_over_an_epoch_is_told_with_the_run_s_own_numbers() -> None:
    [(step, finding), *more] = found(LossPlateau().look, 4, flat(4, 50))
    assert (step, finding.code) == (100, "loss_plateau")
    assert "in epoch 2 after 1.5" in finding.message
    assert "2 of 4 epochs are left" in finding.message
    assert len(more) == 1, "and again an epoch later, which is told once by who asks"


def test_a_plateau_at_the_end_of_the_run_or_of_the_learning_is_none() -> None:
    fell = [2.0 * 0.97**n for n in range(150)]
    assert found(LossPlateau().look, 4, fell + flat(1, 50, level=fell[-1], noise=0.0)) == []
    assert found(LossPlateau().look, 2, flat(2, 50)) == [], "nothing is left to save"
    assert found(LossPlateau().look, 4, flat(4, 50, level=0.02)) == [], "nothing is left to learn"


def test_a_plateau_within_noise_is_not_claimed() -> None:
    """Fifteen steps with 15 % noise could hide a gain of several per cent."""
    random.seed(5)
    noisy = [1.5 * random.lognormvariate(0.0, 0.15) for _ in range(60)]
    assert found(LossPlateau().look, 4, noisy) == []


def test_a_resumed_attempt_compares_whole_epochs_only() -> None:
    look, losses = LossPlateau().look, flat(4, 50)
    from tests.trainer_image.run_health.curves import steps

    facts = list(steps(4, losses))[30:]  # resumed at step 30
    told = [step.number for step in facts if look(step)]
    assert told == [150]
