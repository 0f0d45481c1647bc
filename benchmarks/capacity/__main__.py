"""`python -m benchmarks.capacity [rest|events|points ...] [--json PATH]`."""

import argparse
import json
from pathlib import Path

from benchmarks.capacity import events, points, rest

_PARTS = {"rest": lambda: rest.measure(1_000), "events": lambda: events.measure(3_000),
          "points": lambda: points.measure(1_200_000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(_PARTS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures: dict[str, float] = {}
    for part in options.parts:
        figures |= _PARTS[part]()
    for name, value in figures.items():
        print(f"{name:44} {value:12,.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
