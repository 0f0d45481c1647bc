"""Does a new schema still accept what was promised? Compares with the schemas of the last release.

    python -m contracts.compatibility             fails on a breaking change
    python -m contracts.compatibility --release   makes the present schemas the promise

Additive changes keep the version; anything reported here needs a new event type (`...v2`).
"""

import json
import sys
from pathlib import Path
from typing import Any

from contracts.asyncapi import event_schema
from contracts.registry import EVENTS

RELEASED = Path(__file__).parent / "schemas" / "released"


def _resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if not reference:
        return schema
    name = reference.rsplit("/", 1)[1]
    return dict(root["$defs"][name])


def breaking_changes(
    old: dict[str, Any],
    new: dict[str, Any],
    *,
    old_root: dict[str, Any] | None = None,
    new_root: dict[str, Any] | None = None,
    path: str = "$",
) -> list[str]:
    """What a reader of `old` or a writer of `old` would trip over in `new`; empty when compatible."""
    old_root, new_root = old_root or old, new_root or new
    old, new = _resolve(old, old_root), _resolve(new, new_root)
    found = []
    if old.get("type") != new.get("type"):
        found.append(f"{path}: type {old.get('type')!r} became {new.get('type')!r}")
    if "const" in old and old["const"] != new.get("const"):
        found.append(f"{path}: const {old['const']!r} became {new.get('const')!r}")
    lost = [value for value in old.get("enum", []) if value not in new.get("enum", old.get("enum", []))]
    found += [f"{path}: value {value!r} is gone" for value in lost]
    old_properties, new_properties = old.get("properties", {}), new.get("properties", {})
    found += [f"{path}.{name}: field is gone" for name in old_properties if name not in new_properties]
    added_required = set(new.get("required", [])) - set(old.get("required", []))
    found += [f"{path}.{name}: field became required" for name in sorted(added_required)]
    for name in old_properties.keys() & new_properties.keys():
        found += breaking_changes(
            old_properties[name], new_properties[name], old_root=old_root, new_root=new_root, path=f"{path}.{name}"
        )
    return sorted(found)


def check(released: Path = RELEASED) -> list[str]:
    """Breaking changes of every released event type against its present schema."""
    present = {spec.type: event_schema(spec) for spec in EVENTS}
    found = []
    for file in sorted(released.glob("*.json")):
        if file.stem not in present:
            found.append(f"{file.stem}: the event type is gone")
            continue
        changes = breaking_changes(json.loads(file.read_text()), present[file.stem])
        found += [f"{file.stem} {change}" for change in changes]
    return found


def _release() -> None:
    RELEASED.mkdir(parents=True, exist_ok=True)
    for spec in EVENTS:
        text = json.dumps(event_schema(spec), indent=1, ensure_ascii=False) + "\n"
        (RELEASED / f"{spec.type}.json").write_text(text)


def main(arguments: list[str]) -> int:
    found = check()
    for line in found:
        print(f"breaking: {line}; keep the old type and add a new version")
    if not found and "--release" in arguments:
        _release()
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
