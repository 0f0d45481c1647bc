"""Jobs beside each other, as the page and its PDF write them. Figures, bests and the advice are the API's."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from contracts.job_status import TERMINAL
from services.dashboard.words import NONE, count, duration, label, money, number, percent

AXES = {"step": "Step", "epoch": "Epoch", "time": "Time since the first step (min)"}
CURVES = {"loss": "Training loss", "validation_loss": "Validation loss"}
_MINUS = "\N{MINUS SIGN}"
# In the value itself, or else behind the title of the row.
_IN_THE_VALUE = ("s", "micro-USD", "%")


@dataclass(frozen=True)
class Asked:
    """What an address says. A job's place in `ids` is the number of its colour, whichever is the baseline."""

    ids: tuple[str, ...]
    baseline: str = ""
    axis: str = "step"
    curve: str = "loss"
    look: dict[str, str] = field(default_factory=dict)

    @property
    def ordered(self) -> list[str]:
        """The baseline first: the API tells differences from the first."""
        return sorted(self.ids, key=lambda job_id: job_id != self.baseline)

    def address(self, path: str = "/compare", **other: Any) -> str:
        """Of this view, or of one that is a little other."""
        view = replace(self, **other)
        fixed = {"baseline": view.baseline, "axis": view.axis, "curve": view.curve}
        return f"{path}?{urlencode([*(('job', job_id) for job_id in view.ids), *fixed.items(), *view.look.items()])}"

    def without(self, job_id: str) -> str:
        kept = tuple(each for each in self.ids if each != job_id)
        return self.address(ids=kept, baseline=self.baseline if self.baseline in kept else kept[0])


@dataclass(frozen=True)
class Column:
    """`number`: of its curve's colour."""

    job: dict[str, Any]
    number: int
    is_baseline: bool
    recommended: bool
    has_ended: bool


@dataclass(frozen=True)
class Cell:
    """`difference`: from the baseline, in the row's unit and in per cent."""

    value: str
    difference: str
    best: bool


@dataclass(frozen=True)
class Row:
    title: str
    unit: str
    note: str
    cells: list[Cell]


@dataclass(frozen=True)
class Compared:
    columns: list[Column]
    rows: list[Row]
    settings: list[Row]
    advice: dict[str, Any]
    unavailable: dict[str, str]

    @property
    def running(self) -> list[Column]:
        return [column for column in self.columns if not column.has_ended]

    @property
    def notes(self) -> list[str]:
        """Why rows are not comparable, each reason once."""
        return list(dict.fromkeys(row.note for row in self.rows if row.note))

    @property
    def recommended(self) -> Column | None:
        return next((column for column in self.columns if column.recommended), None)


def compared(asked: Asked, found: dict[str, Any]) -> Compared:
    """`found`: the API's answer for `asked.ordered`."""
    advice = found["recommendation"]
    columns = [_column(asked, job, advice["job_id"]) for job in found["jobs"]]
    ids = [column.job["id"] for column in columns]
    return Compared(columns, [_row(figure, ids) for figure in found["figures"]],
                    [_setting(one) for one in found["configuration_differences"]], advice, found["unavailable"])


def _column(asked: Asked, job: dict[str, Any], recommended: str | None) -> Column:
    return Column(job, asked.ids.index(job["id"]) + 1, job["id"] == asked.baseline, job["id"] == recommended,
                  job["status"] in TERMINAL)


def _row(figure: dict[str, Any], ids: list[str]) -> Row:
    unit = figure["unit"]
    # The first is the baseline.
    changes = ["", *map(partial(_difference, unit), figure["differences"][1:], figure["differences_pct"][1:])]
    cells = [Cell(measured(value, unit), change, job_id in figure["best"])
             for job_id, value, change in zip(ids, figure["values"], changes, strict=True)]
    return Row(figure["title"], "" if unit in _IN_THE_VALUE else unit, figure["note"], cells)


def measured(value: float | int | None, unit: str) -> str:
    """A figure with its unit, where that does not stand in the title of its row."""
    if value is None:
        return NONE
    match unit:
        case "micro-USD":
            return money(round(value))
        case "s":
            return duration(value)
        case "%":
            return percent(value, 1)
        case "tokens/s":
            return number(value, 0)
    return count(value) if isinstance(value, int) else number(value, 4)


def _difference(unit: str, change: float | int | None, part: float | None) -> str:
    if change is None:
        return ""
    if change == 0:
        return "the same"
    amount = f"{number(abs(change), 1)} percentage points" if unit == "%" else measured(abs(change), unit)
    share = "" if part is None else f" ({_sign(part)}{percent(abs(part), 1)})"
    return f"{_sign(change)}{amount}{share}"


def _sign(value: float) -> str:
    return _MINUS if value < 0 else "+"


def _setting(found: dict[str, Any]) -> Row:
    name = found["name"]
    in_seconds = name.endswith("_s")
    cells = [Cell(duration(value) if in_seconds and value is not None else setting(value), "", False)
             for value in found["values"]]
    return Row(label(name.removesuffix("_s")), "", "", cells)


def setting(value: Any) -> str:
    """A value of a configuration, as it was told."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or NONE
    return NONE if value is None else str(value)


def address_ids(values: Iterable[str]) -> tuple[str, ...]:
    """Each once, in their order; several may be joined by commas. What is no id stays, for the API to refuse."""
    found = (part.strip() for value in values for part in value.split(","))
    return tuple(dict.fromkeys(str(as_id(part) or part) for part in found if part))


def as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
