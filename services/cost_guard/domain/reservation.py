"""Who may reserve and release money for a job. The newest try to start it is the one that counts."""

from typing import Any
from uuid import UUID

from services.cost_guard.domain.account import JobAccount

OF_ANOTHER_WORKSPACE = "This job belongs to another workspace."

def is_asked_again(account: JobAccount, workspace_id: UUID, reservation_id: UUID | None) -> bool:
    """The job holds what is asked for. A caller that names no try means whatever the job holds."""
    held = account.reservation_id is not None and reservation_id in (None, account.reservation_id)
    return held and account.ended_at is None and account.workspace_id == workspace_id


def no_start(
    account: JobAccount, workspace_id: UUID, reservation_id: UUID | None, *, resumes: bool = False
) -> str | None:
    """Why no money is reserved whatever the budget says; None when the budget decides."""
    if account.workspace_id != workspace_id:
        return OF_ANOTHER_WORKSPACE
    if account.ended_at is not None:
        return "This job has ended. Start a new one, or retry this one, which makes a new job."
    if account.started_at is not None and not resumes:
        return "This job has already started."
    if reservation_id in account.closed_reservations:
        return "This start was given up or replaced by a newer one. Start the job again if it is still pending."
    return None


def is_releasable(account: JobAccount, workspace_id: UUID, reservation_id: UUID | None) -> bool:
    """Only the try that counts, only before the job starts. A caller that names no try means the one that counts."""
    held = account.reservation_id is not None and reservation_id in (None, account.reservation_id)
    return held and account.is_pending and account.workspace_id == workspace_id


def is_next(account: JobAccount, workspace_id: UUID, reservation_id: UUID | None) -> bool:
    """Whether this is what a job that has run asks for beside what it holds."""
    asked = reservation_id is not None and reservation_id == account.next_reservation_id
    return asked and account.ended_at is None and account.workspace_id == workspace_id


def next_held(account: JobAccount, reservation_id: UUID, amount_micro_usd: int) -> dict[str, Any]:
    """The columns of an account that asks for more: while both may count, the larger one is reserved."""
    held = account.held_micro_usd
    return {
        "next_reservation_id": reservation_id, "next_reserved_micro_usd": amount_micro_usd, "kept_micro_usd": held,
        "reserved_micro_usd": max(held, amount_micro_usd),
        "closed_reservations": closed(account, account.next_reservation_id),
    }


def next_given_up(account: JobAccount) -> dict[str, Any]:
    return {
        "next_reservation_id": None, "next_reserved_micro_usd": 0, "kept_micro_usd": 0,
        "reserved_micro_usd": account.held_micro_usd,
        "closed_reservations": closed(account, account.next_reservation_id),
    }


def paused(account: JobAccount, run: int, reservation_id: UUID | None) -> dict[str, Any]:
    """A pause frees what the start that it ends held, also one that has not had its turn; what was asked for since then
    stays asked for."""
    nothing = next_given_up(account) if is_next(account, account.workspace_id, reservation_id) else {
        "kept_micro_usd": 0}
    held = 0 if "next_reservation_id" in nothing else account.next_reserved_micro_usd
    return nothing | {"paused_run": run, "reserved_micro_usd": held}


def started_again(
    account: JobAccount, run: int, reservation_id: UUID, *, spent_micro_usd: int, expected_micro_usd: int
) -> dict[str, Any]:
    """A later start holds what was reserved for it; if that was given back meanwhile, what it is expected to cost.
    Nothing, if a pause has ended it before it was heard of."""
    asked = account.next_reservation_id == reservation_id
    held = account.next_reserved_micro_usd if asked else spent_micro_usd + expected_micro_usd
    return {
        "run": run, "reservation_id": reservation_id, "next_reservation_id": None, "next_reserved_micro_usd": 0,
        "kept_micro_usd": 0, "reserved_micro_usd": 0 if run <= account.paused_run else held,
        "estimate_micro_usd": spent_micro_usd + expected_micro_usd,
    }


def closed(account: JobAccount, *ids: UUID | None) -> tuple[UUID, ...]:
    """The tries that are over, with these: a request of theirs that comes late gets nothing."""
    return tuple(dict.fromkeys([*account.closed_reservations, *(one for one in ids if one is not None)]))


def held_by_start(account: JobAccount, run: int, expected_micro_usd: int) -> int:
    """What a job holds from its start on.

    Normally what it holds already. If that was released meanwhile: what was agreed. If nothing was ever agreed (the
    reservation was lost with a database): what the start was expected to cost. Nothing, if it was paused meanwhile.
    """
    if account.paused_run >= run:
        return 0
    if account.reservation_id is not None:
        return account.reserved_micro_usd
    if account.estimate is not None:
        return int(account.estimate["cost_micro_usd"]["high"])
    return expected_micro_usd
