"""Who may reserve and release money for a job. The newest try to start it is the one that counts."""

from uuid import UUID

from services.cost_guard.domain.account import JobAccount


def is_asked_again(account: JobAccount, workspace_id: UUID, reservation_id: UUID | None) -> bool:
    """The job holds what is asked for. A caller that names no try means whatever the job holds."""
    held = account.reservation_id is not None and reservation_id in (None, account.reservation_id)
    return held and account.ended_at is None and account.workspace_id == workspace_id


def no_start(account: JobAccount, workspace_id: UUID, reservation_id: UUID | None) -> str | None:
    """Why no money is reserved whatever the budget says; None when the budget decides."""
    if account.workspace_id != workspace_id:
        return "This job belongs to another workspace."
    if account.ended_at is not None:
        return "This job has ended. Start a new one, or retry this one, which makes a new job."
    if account.started_at is not None:
        return "This job has already started."
    if reservation_id in account.closed_reservations:
        return "This start was given up or replaced by a newer one. Start the job again if it is still pending."
    return None


def is_releasable(account: JobAccount, workspace_id: UUID, reservation_id: UUID | None) -> bool:
    """Only the try that counts, only before the job starts. A caller that names no try means the one that counts."""
    held = account.reservation_id is not None and reservation_id in (None, account.reservation_id)
    return held and account.is_pending and account.workspace_id == workspace_id


def closed(account: JobAccount, *ids: UUID | None) -> tuple[UUID, ...]:
    """The tries that are over, with these: a request of theirs that comes late gets nothing."""
    return tuple(dict.fromkeys([*account.closed_reservations, *(one for one in ids if one is not None)]))


def held_by_start(account: JobAccount, expected_micro_usd: int) -> int:
    """What a job holds from its start on.

    Normally what it holds already. If that was released meanwhile: what was agreed. If nothing was ever agreed (the
    reservation was lost with a database): what the start was expected to cost.
    """
    if account.reservation_id is not None:
        return account.reserved_micro_usd
    if account.estimate is not None:
        return int(account.estimate["cost_micro_usd"]["high"])
    return expected_micro_usd
