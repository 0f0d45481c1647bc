"""Write the generated schemas and example files; with `--check` only say which are stale.

python -m contracts.generate [--check]
"""

import json
import sys
from pathlib import Path
from typing import Any

from contracts.asyncapi import asyncapi_document, event_schema
from contracts.event_catalog import events_document
from contracts.example_events import examples
from contracts.registry import EVENTS
from contracts.rpc.catalog import POD_RPCS, RPCS
from contracts.rpc.spec import PodRpc, Rpc

ROOT = Path(__file__).parent


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def generated_files() -> dict[Path, str]:
    """Path (absolute) to text of everything that is generated here."""
    schemas = ROOT / "schemas"
    files = {schemas / "events" / f"{spec.type}.json": _text(event_schema(spec)) for spec in EVENTS}
    rpcs: list[Rpc[Any, Any] | PodRpc[Any, Any]] = [*(row.rpc for row in RPCS), *POD_RPCS]
    for rpc in rpcs:
        stem = f"{rpc.service}.{rpc.method}"
        files[schemas / "rpc" / f"{stem}.request.json"] = _text(rpc.request.model_json_schema())
        files[schemas / "rpc" / f"{stem}.reply.json"] = _text(rpc.reply.model_json_schema(mode="serialization"))
    files[schemas / "asyncapi.json"] = _text(asyncapi_document())
    files[ROOT.parent / "docs" / "events.md"] = events_document()
    for stem, event in examples().items():
        document = json.loads(event.to_bytes())
        files[ROOT / "examples" / f"{stem}.json"] = _text(document)
    return files


def stale(files: dict[Path, str]) -> list[Path]:
    """Files that are missing, differ, or lie there though nothing generates them."""
    wrong = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    present = {*ROOT.glob("schemas/events/*.json"), *ROOT.glob("schemas/rpc/*.json"), *ROOT.glob("examples/*.json")}
    return sorted({*wrong, *(present - set(files))})


def main(arguments: list[str]) -> int:
    files = generated_files()
    outdated = stale(files)
    if "--check" in arguments:
        for path in outdated:
            print(f"stale: {path.relative_to(ROOT.parent)} (run `make schemas` and commit the result)")
        return 1 if outdated else 0
    for path in outdated:
        if path not in files:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
    print(f"{len(outdated)} of {len(files)} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
