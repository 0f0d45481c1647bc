"""Figures as people read them."""

from datetime import datetime
from typing import Any

from brightrun.models import QueuePlace
from contracts.evidence import in_words
from contracts.money import format_usd


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def money(micro_usd: int | None) -> str:
    return "-" if micro_usd is None else format_usd(micro_usd)


def number(value: float | None, places: int = 3) -> str:
    return "-" if value is None else f"{value:.{places}f}"


def moment(queue: QueuePlace) -> str:
    """When it is expected to start; the day where it is not today."""
    if queue.expected_start_at is None:
        return "-"
    start = queue.expected_start_at.astimezone()
    return f"{start:%H:%M}" if start.date() == datetime.now().astimezone().date() else f"{start:%Y-%m-%d %H:%M}"


def place(queue: QueuePlace) -> str:
    """Where a waiting job stands, with the time of this machine's zone."""
    about = f", expected to start about {moment(queue)}" if queue.expected_start_at else ""
    for_what = "a free machine" if queue.reason == "capacity" else "its turn"
    return f"number {queue.position} in line for {for_what}{about}"


def verdict(validation: dict[str, Any] | None) -> str:
    """One line: both perplexities, the improvement with its interval, and what follows."""
    if not validation or validation.get("perplexity_baseline") is None:
        return ""
    low, high = validation.get("improvement_low_pct"), validation.get("improvement_high_pct")
    span = f", 95 % interval {low:.1f} to {high:.1f} %" if low is not None and high is not None else ""
    return (
        f"Perplexity on the hold-out: {validation['perplexity_baseline']:.2f} -> "
        f"{validation['perplexity_trained']:.2f} "
        f"({_change(validation['perplexity_improvement_pct'])}{span}): "
        f"{in_words(validation.get('verdict', ''), validation.get('missing_conversations') or 0)}"
    )


def _change(improvement_pct: float) -> str:
    return f"{abs(improvement_pct):.1f} % {'better' if improvement_pct >= 0 else 'worse'}"


def losses(validation: dict[str, Any] | None, job_id: str) -> str:
    """How many held-out conversations got worse, and where they are listed."""
    worse = (validation or {}).get("worse_conversations")
    if not validation or not worse:
        return ""
    return (
        f"{worse} of the {validation['conversations']} held-out conversations got worse: "
        f"GET /api/training/jobs/{job_id}/evaluation lists them"
    )
