"""Figures, times and states as the templates write them. Every number has its unit."""

import json
from datetime import UTC, datetime
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from contracts.money import format_usd

NONE = "–"
# Markup in a note is shown as text, and links lead nowhere but to the web (markdown-it's own check).
_MARKDOWN = MarkdownIt("js-default", {"html": False, "linkify": False, "breaks": True}).disable("image")
# The colour beside the word, never instead of it.
TONES = {
    "completed": "green", "failed": "red", "cancelled": "secondary", "pending": "secondary", "paused": "yellow",
    "recovering": "orange", "queued": "azure", "provisioning": "azure",
}


def money(micro_usd: int | None) -> str:
    return NONE if micro_usd is None else format_usd(micro_usd)


def duration(seconds: float | None) -> str:
    """`45 s`, `3 min 05 s`, `2 h 04 min`."""
    if seconds is None:
        return NONE
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def number(value: float | str | None, places: int = 3) -> str:
    """Very small ones (learning rates) in powers of ten; NaN and infinity as the API writes them."""
    if value is None or isinstance(value, str):
        return value or NONE
    if value and abs(value) < 10 ** -places:
        return f"{value:.2e}"
    return f"{value:,.{places}f}"


def count(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def percent(value: float | None, places: int = 0) -> str:
    return NONE if value is None else f"{value:.{places}f} %"


def size(value: float | None) -> str:
    """Bytes in decimal units."""
    if value is None:
        return NONE
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def moment(value: str | datetime | None) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value)


def clock(value: str | datetime | None) -> Markup:
    """A <time>; a script puts the viewer's zone in. Without it, UTC."""
    at = moment(value)
    if at is None:
        return escape(NONE)
    utc = at.astimezone(UTC)
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(
        utc.isoformat(timespec="seconds"), f"{utc:%Y-%m-%d %H:%M} UTC")


def label(name: str | None) -> str:
    """`model_loading` -> `Model loading`."""
    return (name or NONE).replace("_", " ").capitalize()


def tone(status: str) -> str:
    return TONES.get(status, "blue")


def markdown(text: str) -> Markup:
    return Markup(_MARKDOWN.render(text))  # noqa: S704  html is off: what comes out is markdown-it's own markup


def pretty(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str, sort_keys=True)


def lines(text: str) -> Markup:
    """Text with its line breaks."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())


FILTERS = {
    "money": money, "duration": duration, "number": number, "count": count, "percent": percent, "size": size,
    "clock": clock, "label": label, "tone": tone, "markdown": markdown, "pretty": pretty, "lines": lines,
}
