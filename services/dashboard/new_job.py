"""What the form of a new job says, as the API takes it, and what differs from the job that it began with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

TEXTS = ("name", "description", "notes", "client", "project")
CHOICES = ("training_file_id", "preset", "gpu_pricing_tier", "gpu_type")
# Where the values came from, and how long a run may last, seconds: they go along to the end.
ORIGINS = ("template_id", "from_job", "max_duration_s")
IDS = ("training_file_id", "template_id", "from_job")
PRESET, TIER = "balanced", "spot"

_LONGEST_NAME = 255 - len(" (copy)")


class WrongValue(ValueError):
    """Not a number where one is needed."""


@dataclass(frozen=True)
class Values:
    """The fields as they stand in the form; `several` are the chosen ones of a hyperparameter that is a list."""

    single: dict[str, str]
    several: dict[str, list[str]]

    def __getitem__(self, name: str) -> str:
        return self.single.get(name, "")

    def pairs(self) -> list[tuple[str, str]]:
        """For hidden fields and addresses."""
        return [*self.single.items(), *((name, value) for name, values in self.several.items() for value in values)]


def values_of(items: Iterable[tuple[str, Any]], guides: list[dict[str, Any]]) -> Values:
    """Only fields of the form, and only those that say something."""
    lists = {guide["name"] for guide in guides if guide["kind"] == "choices"}
    plain = {*TEXTS, *CHOICES, *ORIGINS, "tags"} | {guide["name"] for guide in guides} - lists
    single: dict[str, str] = {}
    several: dict[str, list[str]] = {}
    for name, value in items:
        if not isinstance(value, str) or not value.strip() or (name in IDS and not is_id(value)):
            continue
        if name in lists:
            several.setdefault(name, []).append(value.strip())
        elif name in plain:
            single[name] = value.strip()
    return Values({"preset": PRESET, "gpu_pricing_tier": TIER} | single, several)


def is_id(text: str) -> bool:
    """Whether it can stand in an address of the API."""
    try:
        return bool(UUID(text.strip()))
    except ValueError:
        return False


def hyperparameters(values: Values, guides: list[dict[str, Any]]) -> dict[str, Any]:
    """Those that are said. Raises WrongValue."""
    found: dict[str, Any] = dict(values.several)
    for guide in guides:
        if text := values.single.get(guide["name"], ""):
            found[guide["name"]] = _typed(text, guide)
    return found


def _typed(text: str, guide: dict[str, Any]) -> Any:
    try:
        return {"integer": int, "number": float}.get(guide["kind"], str)(text)
    except ValueError as error:
        raise WrongValue(f"{guide['title']}: {text!r} is not a number that it can be.") from error


def estimate_query(values: Values, guides: list[dict[str, Any]]) -> dict[str, Any]:
    """As `Client.estimate` takes it, without the file. Raises WrongValue."""
    return {name: values[name] for name in CHOICES[1:]} | hyperparameters(values, guides)


def job_body(
    values: Values, guides: list[dict[str, Any]], preset: Mapping[str, Any], template: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A job that is started at once. What the template has and the form left empty is the preset's: said, so that it
    holds. Raises WrongValue."""
    said = hyperparameters(values, guides)
    if template is not None:
        usual = preset["hyperparameters"]
        said = {name: usual[name] for name in template["hyperparameters"] if name in usual} | said
    body = {"training_file_id": values["training_file_id"], "preset": values["preset"], "hyperparameters": said,
            "gpu_pricing_tier": values["gpu_pricing_tier"], "tags": tags(values), "start": True}
    body |= {name: values[name] for name in TEXTS}
    optional = {"gpu_type": values["gpu_type"], "template_id": values["template_id"] if template else "",
                "max_duration_s": int(values["max_duration_s"]) if values["max_duration_s"].isdecimal() else 0}
    return body | {name: value for name, value in optional.items() if value}


def tags(values: Values) -> list[str]:
    return [tag.strip() for tag in values["tags"].split(",") if tag.strip()]


def from_template(template: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Its values as fields of the form."""
    return [*_fields(template, template["hyperparameters"]), ("template_id", str(template["id"]))]


def from_job(job: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Its values as fields of the form; only what differs from its preset is said."""
    different = {row["field"]: row["value"] for row in job["differences_from_preset"]}
    found = _fields(job, different)
    return [*found, ("name", f"{job['name'][:_LONGEST_NAME]} (copy)"), ("from_job", str(job["id"]))]


def _fields(source: Mapping[str, Any], said: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [(name, str(source.get(name) or "")) for name in (*TEXTS, *CHOICES)]
    longest = source.get("max_duration_s") or source.get("configuration", {}).get("max_duration_s")
    found.append(("max_duration_s", str(longest or "")))
    found.append(("tags", ", ".join(source.get("tags", []))))
    for name, value in said.items():
        found += [(name, str(each)) for each in (value if isinstance(value, list | tuple) else [value])]
    return found


def changes(job: Mapping[str, Any], estimate: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(field, before, now) of what a copy has otherwise."""
    before = {"preset": job["configuration"]["preset"], "gpu_type": job["gpu_type"],
              "gpu_pricing_tier": job["gpu_pricing_tier"], "training_file_id": job["training_file_id"],
              **job["configuration"]["hyperparameters"]}
    now = {name: estimate[name] for name in CHOICES} | estimate["hyperparameters"]
    return [(name, before[name], now[name]) for name in before if name in now and before[name] != now[name]]
