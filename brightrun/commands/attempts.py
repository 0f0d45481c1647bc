"""`brightrun attempts`: the machines of a job, why each ended, and what that cost."""

from typing import Any

from brightrun.commands.jobs import JobId
from brightrun.output import out
from brightrun.session import Json, plainly, session
from brightrun.words import money


@plainly
def attempts(job_id: JobId, as_json: Json = False) -> None:
    """A job's attempts: machine, price, steps, cause of end, and what was lost."""
    with session() as client:
        found = client.attempts(job_id)
    if out.result(found):
        return
    columns = ["#", "began", "ended", "machine", "price", "steps", "redone", "lost", "cost", "why it ended"]
    out.table(columns, [_row(attempt) for attempt in found["data"]])
    if found["totals"]["sentence"]:
        out.say(found["totals"]["sentence"])


def _row(attempt: dict[str, Any]) -> list[str]:
    machine = attempt["gpu_model"] or attempt["gpu_type"]
    lost = attempt["minutes_lost"]
    return [
        str(attempt["attempt"]),
        _moment(attempt["started_at"] or attempt["requested_at"]),
        _moment(attempt["ended_at"]),
        f"{machine} {attempt['gpu_pricing_tier']}",
        f"{money(attempt['rate_micro_usd_per_hour'])}/h" if attempt["rate_micro_usd_per_hour"] is not None else "",
        "" if attempt["from_step"] is None else f"{attempt['from_step']}-{attempt['to_step']}",
        str(attempt["steps_redone"] or ""),
        f"{lost:.1f} min, {money(attempt['lost_micro_usd'])}" if lost else "",
        money(attempt["cost_micro_usd"]),
        attempt["cause"] or attempt["outcome"],
    ]


def _moment(text: str | None) -> str:
    return "" if text is None else text[:16].replace("T", " ")
