"""What the budget allows, and when people must hear of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.money import format_usd


@dataclass(frozen=True)
class BudgetState:
    """One workspace's month. `reserved` is what running and accepted jobs may still spend beyond `spent`."""

    month: str
    limit_micro_usd: int
    spent_micro_usd: int
    reserved_micro_usd: int

    @property
    def available_micro_usd(self) -> int:
        return max(0, self.limit_micro_usd - self.spent_micro_usd - self.reserved_micro_usd)

    @property
    def used_percent(self) -> float:
        return 100.0 * self.spent_micro_usd / self.limit_micro_usd if self.limit_micro_usd else 100.0


def refusal(state: BudgetState, needed_micro_usd: int) -> str | None:
    """Why a start is refused, with the figures and the way out; None when it is allowed."""
    missing = needed_micro_usd - state.available_micro_usd
    if missing <= 0:
        return None
    raised = state.limit_micro_usd + missing
    return (
        f"This run may cost up to {format_usd(needed_micro_usd)}, and {format_usd(state.available_micro_usd)} is left "
        f"of the {format_usd(state.limit_micro_usd)} budget of {state.month} "
        f"({format_usd(state.spent_micro_usd)} spent, {format_usd(state.reserved_micro_usd)} reserved by other jobs). "
        f"Raise the budget to at least {format_usd(raised)}, wait for a running job to finish, or choose a smaller "
        f"preset."
    )


def crossed_thresholds(state: BudgetState, thresholds_percent: Iterable[int]) -> tuple[int, ...]:
    """Thresholds at or below the spent share; a budget of zero is exceeded, not approached."""
    if state.limit_micro_usd == 0:
        return ()
    return tuple(sorted(level for level in thresholds_percent if state.used_percent >= level))


def is_exceeded(state: BudgetState) -> bool:
    return state.spent_micro_usd > state.limit_micro_usd


def is_used_up(state: BudgetState) -> bool:
    return state.spent_micro_usd >= state.limit_micro_usd


def stops_job(state: BudgetState, *, cost_micro_usd: int, held_micro_usd: int) -> bool:
    """A job that was promised money may spend it; beyond that it needs a budget that has room."""
    return 0 < held_micro_usd < cost_micro_usd and is_used_up(state)


def variance_percent(cost_micro_usd: int, estimate_micro_usd: int) -> float:
    """How far the cost lies above (+) or below (-) its estimate; 0 without an estimate."""
    return 100.0 * (cost_micro_usd - estimate_micro_usd) / estimate_micro_usd if estimate_micro_usd else 0.0
