"""python -m ops.dashboards [--check]: write json/ from the boards, or say which files are stale (exit status 1)."""

import json
import sys
from pathlib import Path

from ops.dashboards.boards import DASHBOARDS
from ops.dashboards.model import Dashboard

FOLDER = Path(__file__).parent / "json"


def text_of(board: Dashboard) -> str:
    return json.dumps(board.to_json(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of files that are missing, differ, or belong to no board."""
    wanted = {f"{board.name}.json": text_of(board) for board in DASHBOARDS}
    found = {path.name: path.read_text() for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path = FOLDER) -> None:
    for name in stale(folder):
        (folder / name).unlink(missing_ok=True)
    for board in DASHBOARDS:
        (folder / f"{board.name}.json").write_text(text_of(board))


def main() -> int:
    if "--check" not in sys.argv[1:]:
        write()
        return 0
    names = stale()
    if names:
        print(f"Stale dashboards: {', '.join(names)}. Run `make schemas`.", file=sys.stderr)
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
