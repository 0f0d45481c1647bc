from services.cost_guard.domain.budget import BudgetState, crossed_thresholds, is_exceeded, refusal


def test_a_refusal_says_figures_and_the_way_out() -> None:
    state = BudgetState(
        "2026-11", limit_micro_usd=500_000_000, spent_micro_usd=480_000_000, reserved_micro_usd=5_000_000
    )
    words = refusal(state, 40_000_000)
    assert words is not None
    for figure in ("$40.00", "$15.00", "$500.00", "$480.00", "$5.00", "$525.00"):
        assert figure in words
    assert refusal(state, 15_000_000) is None


def test_thresholds_and_excess() -> None:
    state = BudgetState("2026-11", 100, 96, 0)
    assert crossed_thresholds(state, (80, 95)) == (80, 95)
    assert not is_exceeded(state)
    assert is_exceeded(BudgetState("2026-11", 100, 101, 0))
    assert crossed_thresholds(BudgetState("2026-11", 0, 0, 0), (80,)) == ()
